// Mix says which sizes the messages of a load have, and how often each.
//
// A plain value of the options, read by all workers; who picks brings his own random numbers, so that a run can be had
// again.

#ifndef POSTERN_BENCH_LOAD_MIX_H_
#define POSTERN_BENCH_LOAD_MIX_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace postern {

class Mix {
 public:
  struct Part {
    uint64_t size;  // bytes
    double weight;  // against those of the others
  };

  // What a mail server sees: mostly text, some with pictures, now and then a film.
  static constexpr std::string_view kMailLike = "4k:60,24k:30,100k:8,1m:1.95,50m:0.05";

  explicit Mix(uint64_t size) : Mix(std::vector<Part>{{size, 1}}) {}
  // "SIZE:WEIGHT,SIZE:WEIGHT"; a part without a weight has 1. Nothing when it is not that.
  static std::optional<Mix> Parse(std::string_view text);

  // The index of a part.
  size_t Pick(std::mt19937_64& random) const;

  const std::vector<Part>& parts() const { return parts_; }
  std::string ToString() const;  // "1.00 KiB" or "4.00 KiB 60 %, 24.0 KiB 40 %"

 private:
  explicit Mix(std::vector<Part> parts);

  std::vector<Part> parts_;
  std::vector<double> bounds_;  // weights, each added to those before
};

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_MIX_H_
