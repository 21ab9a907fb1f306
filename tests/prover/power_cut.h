// PowerCut is every state in which a power cut may leave a disk, after so many steps of a trace.
//
// A prover owns it, on its thread: it begins with what is on stable storage, is told the steps one by one, and can be
// asked after each. What was not synced is up to chance, and each of these decides for itself:
//
//   a sector of 512 bytes   holds any of the bytes that it held since the file was last synced
//   the size of a file      is any that it had since, or lies half way between two of them
//   the name of a node      is any that it had since the folder was synced, none among them; a rename is one change,
//                           also from one folder to another
//
// Where two would have one name it is the younger claim's, and the other is lost. That is more than a file system with
// an ordered journal would do to us, and no more than the promises of store/file.h.

#ifndef POSTERN_TESTS_PROVER_POWER_CUT_H_
#define POSTERN_TESTS_PROVER_POWER_CUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/prover/disk_image.h"
#include "tests/prover/trace.h"

namespace postern {

class PowerCut {
 public:
  using Random = std::mt19937_64;
  // For each thing that is up to chance the index of what it became: the greatest is the state without a cut, except
  // where something was written back and forth.
  using Outcome = std::vector<uint32_t>;

  explicit PowerCut(const DiskImage& durable);
  void Apply(const Step& step);

  // How many outcomes each thing has; those that have only one are left out.
  Outcome Choices() const;
  // The disk after one of them.
  DiskImage Image(const Outcome& outcome) const;

  // What it is in words, where it is not the state without a cut.
  std::string Describe(const Outcome& outcome) const;

  // Calls `visit` with all states when there are at most `exhaustive_max`, and true is returned. Otherwise with some:
  // all kept, all lost, each thing alone kept and alone lost as far as `sample_count` goes, then random ones.
  bool ForEach(uint64_t exhaustive_max, uint64_t sample_count, Random& random,
               const std::function<void(const Outcome&, const DiskImage&)>& visit) const;

 private:
  // Distinct values of one thing, the durable one first.
  template <typename Value>
  struct Versions {
    std::vector<Value> values;
    size_t current = 0;     // what a process sees
    bool given_up = false;  // the system takes the current one for durable, and will not write it

    const Value& now() const { return values[current]; }
    void Set(const Value& value) {
      current = static_cast<size_t>(std::find(values.begin(), values.end(), value) - values.begin());
      if (current == values.size()) values.push_back(value);
      given_up = false;
    }
  };
  struct Name {
    std::string path{};       // empty: none
    uint64_t since = 0;       // so many steps
    NodeNumber replaced = 0;  // who had it before
  };
  struct Node {
    bool is_folder = false;
    std::vector<Name> names;  // the durable one, and all since, in order
    Versions<uint64_t> sizes{{0}};
    std::shared_ptr<std::string> durable = std::make_shared<std::string>();
    std::map<uint64_t, Versions<std::string>> sectors{};  // of those that were written since
  };

  static void Grow(Node& node, uint64_t size);
  static void Write(Node& node, std::string_view bytes, uint64_t offset);
  static void Sync(Node& node);
  void SyncFolder(std::string_view folder);

  std::map<NodeNumber, Node> nodes_;
  uint64_t step_count_ = 0;
};

}  // namespace postern

#endif  // POSTERN_TESTS_PROVER_POWER_CUT_H_
