#include "tests/prover/prover.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "tests/prover/recording_disk.h"
#include "tests/prover/recovery.h"

namespace postern {
namespace {

constexpr size_t kStepsTold = 12;  // before the cut

size_t Fingerprint(const DiskImage& image) {
  size_t hash = 0;
  for (const auto& [path, node] : image.names) {
    const auto bytes = image.contents.find(node);
    hash = absl::HashOf(hash, path, bytes == image.contents.end() ? std::string_view() : *bytes->second);
  }
  return hash;
}

// Where the cut was, the last steps before it, and what it has undone, one a line.
std::string Where(const Trace& trace, size_t step_count, const PowerCut& cut, const PowerCut::Outcome& outcome) {
  std::string text = absl::StrCat("cut behind step ", step_count, " of ", trace.size());
  for (size_t i = step_count - std::min(step_count, kStepsTold); i < step_count; ++i) {
    absl::StrAppend(&text, "\n  ", i + 1, ": ", Describe(trace[i]));
  }
  return absl::StrCat(text, "\nwhich undid", cut.Describe(outcome));
}

}  // namespace

void Tally::operator+=(const Tally& other) {
  step_count += other.step_count;
  sampled_step_count += other.sampled_step_count;
  state_count += other.state_count;
  recut_count += other.recut_count;
  recut_state_count += other.recut_state_count;
}

std::string Prover::Prove(const Case& proven) {
  if (!proven.history.error.empty()) return absl::StrCat("without any cut: ", proven.history.error);
  PowerCut cut(proven.start);
  Knowledge known = proven.known;
  auto fact = proven.history.facts.begin();
  std::string error;
  for (size_t step_count = 0; step_count <= proven.trace.size() && error.empty(); ++step_count) {
    if (step_count > 0) cut.Apply(proven.trace[step_count - 1]);
    for (; fact != proven.history.facts.end() && fact->step_count <= step_count; ++fact) fact->learn(known);
    std::unordered_set<size_t> seen;  // what differs in outcome may be the same disk: bytes of a file that has no name
    const bool is_whole = cut.ForEach(budget_.exhaustive_max, budget_.sample_count, random_,
                                      [&](const PowerCut::Outcome& outcome, const DiskImage& image) {
                                        if (!error.empty() || !seen.insert(Fingerprint(image)).second) return;
                                        error = Judge(image, known);
                                        if (error.empty()) return;
                                        error += absl::StrCat("\n", Where(proven.trace, step_count, cut, outcome));
                                      });
    ++tally_.step_count;
    tally_.sampled_step_count += !is_whole;
  }
  return error;
}

std::string Prover::Judge(const DiskImage& image, const Knowledge& known) {
  RecordingDisk disk(image);
  const Found found = Recover(disk, options_);
  if (std::string error = known.Check(found); !error.empty()) return error;
  if (++tally_.state_count % budget_.recut_every != 0) return "";
  return Recut(image, disk.trace(), found);
}

std::string Prover::Recut(const DiskImage& start, const Trace& trace, const Found& found) {
  ++tally_.recut_count;
  PowerCut cut(start);
  std::string error;
  for (size_t step_count = 1; step_count <= trace.size() && error.empty(); ++step_count) {
    cut.Apply(trace[step_count - 1]);
    std::unordered_set<size_t> seen;
    cut.ForEach(budget_.exhaustive_max, budget_.sample_count, random_,
                [&](const PowerCut::Outcome& outcome, const DiskImage& image) {
                  if (!error.empty() || !seen.insert(Fingerprint(image)).second) return;
                  ++tally_.recut_state_count;
                  RecordingDisk disk(image);
                  const Found again = Recover(disk, options_);
                  const bool is_same = again.error.empty() && again.messages == found.messages &&
                                       again.mailed == found.mailed && again.damage_count == found.damage_count;
                  if (is_same) return;
                  error = absl::StrCat("a crash during recovery has changed what is there",
                                       again.error.empty() ? "" : ": ", again.error, "\nrecovery ",
                                       Where(trace, step_count, cut, outcome), "\nwhich began with a state");
                });
  }
  return error;
}

std::pair<DiskImage, Knowledge> Prover::Cut(const Case& cut, size_t step_count, PowerCut::Random& random) {
  PowerCut power(cut.start);
  for (size_t i = 0; i < step_count; ++i) power.Apply(cut.trace[i]);
  std::pair<DiskImage, Knowledge> left{{}, cut.known};
  for (const Fact& fact : cut.history.facts) {
    if (fact.step_count <= step_count) fact.learn(left.second);
  }
  // A sample's last one is as random as any.
  power.ForEach(0, 8, random, [&](const PowerCut::Outcome&, const DiskImage& image) { left.first = image; });
  return left;
}

}  // namespace postern
