// Spares keeps objects that nobody needs just now for whoever needs one next: the memory that they have grown stays.
//
// One thread owns it. What is taken is new, or as its last owner left it.

#ifndef POSTERN_CORE_SPARES_H_
#define POSTERN_CORE_SPARES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace postern {

template <typename T>
class Spares {
 public:
  // More than `count_max` are not kept.
  explicit Spares(size_t count_max = SIZE_MAX) : count_max_(count_max) {}

  std::unique_ptr<T> Take() {
    if (spares_.empty()) return std::make_unique<T>();
    std::unique_ptr<T> spare = std::move(spares_.back());
    spares_.pop_back();
    return spare;
  }
  void Give(std::unique_ptr<T> object) {
    if (spares_.size() < count_max_) spares_.push_back(std::move(object));
  }

 private:
  const size_t count_max_;
  std::vector<std::unique_ptr<T>> spares_;
};

}  // namespace postern

#endif  // POSTERN_CORE_SPARES_H_
