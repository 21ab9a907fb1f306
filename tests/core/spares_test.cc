#include "core/spares.h"

#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(Spares, GivesWhatWasGivenBackAndElseSomethingNew) {
  Spares<std::string> spares;
  std::unique_ptr<std::string> first = spares.Take();
  EXPECT_EQ(*first, "");
  first->assign(1000, 'x');
  const std::string* const was = first.get();
  spares.Give(std::move(first));
  const std::unique_ptr<std::string> again = spares.Take();
  EXPECT_EQ(again.get(), was);
  EXPECT_EQ(again->size(), 1000u) << "as its last owner left it";
  EXPECT_NE(spares.Take().get(), was);
}

TEST(Spares, KeepsNoMoreThanItMay) {
  Spares<std::shared_ptr<int>> spares(1);
  const auto alive = std::make_shared<int>(0);
  spares.Give(std::make_unique<std::shared_ptr<int>>(alive));
  EXPECT_EQ(alive.use_count(), 2);
  spares.Give(std::make_unique<std::shared_ptr<int>>(alive));
  EXPECT_EQ(alive.use_count(), 2);
}

}  // namespace
}  // namespace postern
