#include "gateway/queue_lookup.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/visible_text.h"

namespace postern {
namespace {

constexpr size_t kNamesMax = 5;
constexpr size_t kNameSizeMax = 100;

}  // namespace

absl::StatusOr<std::optional<uint32_t>> FindDestination(const DestinationBook& book,
                                                        const std::optional<std::string>& name) {
  if (!name.has_value()) return std::nullopt;
  if (const std::optional<uint32_t> destination = book.FindName(*name); destination.has_value()) return destination;
  std::string text = absl::StrCat("\"", VisibleText(*name, kNameSizeMax), "\": neither the id of a message nor a ",
                                  "destination that has mail; ");
  std::vector<std::string> names = book.NamesLike(*name, kNamesMax);
  if (names.empty()) {
    text += "`postern queue list` shows all that have";
  } else {
    for (std::string& like : names) like = VisibleText(like, kNameSizeMax);
    absl::StrAppend(&text, "there is ", absl::StrJoin(names, ", "));
  }
  return absl::NotFoundError(text);
}

absl::Status NotQueued(MessageId message) {
  return absl::NotFoundError(absl::StrCat(ToText(message).view(), ": not in the queue"));
}

}  // namespace postern
