#include "tests/prover/workload.h"

#include <algorithm>
#include <array>

namespace postern {
namespace {

class Chance {
 public:
  Chance(Workload& workload, PowerCut::Random& random) : workload_(workload), random_(random) {}

  void Run(int turn_count) {
    for (int i = 0; i < turn_count; ++i) {
      if (life_ == nullptr || !life_->CanGoOn()) life_ = &workload_.Begin(Below(4) == 0 ? 1 + Below(12) : UINT64_MAX);
      // Now and then the process dies, or its disk is sick, at some step or other.
      if (Below(40) == 0) workload_.disk().StopAfter(1 + Below(40));
      if (Below(60) == 0) workload_.disk().FailSync(1 + Below(4));
      if (life_->CanGoOn()) Act();
    }
  }

 private:
  uint64_t Below(uint64_t limit) { return std::uniform_int_distribution<uint64_t>(0, limit - 1)(random_); }

  void Act() {
    const bool has_place = life_->away_count() + 1 < Life::kPlaces;
    switch (has_place ? Below(10) : 9) {
      case 0:
      case 1: life_->Start(PieceSizes(), 1 + Below(3)); break;
      case 2:
      case 3:
      case 4:
        if (!life_->incoming().empty()) life_->Continue(life_->incoming()[Below(life_->incoming().size())]);
        break;
      case 5:
      case 6: Settle(); break;
      case 7: life_->Move(); break;
      default: life_->Commit();
    }
  }

  std::vector<size_t> PieceSizes() {
    std::vector<size_t> sizes(Below(3) == 0 ? 1 + Below(6) : 1);
    for (size_t& size : sizes) size = Below(2500);
    return sizes;
  }

  void Settle() {
    const QueueIndex& index = life_->index();
    if (index.message_count() == 0) return;
    const QueuedMessage* queued = nullptr;
    while (queued == nullptr) queued = index.At(Below(index.slot_count()));
    const uint64_t number = queued->id().number >> 8;
    const auto recipient = static_cast<uint32_t>(Below(queued->recipients().size()));
    const RecipientState state = queued->recipients()[recipient].state;
    if (Settled(state) || life_->IsBusy(number, recipient)) return;
    if (state == RecipientState::kFailed) {
      life_->Report(number, recipient);
    } else if (Below(6) == 0) {
      life_->Deliver(number, recipient);
    } else {
      constexpr std::array kEnds = {RecipientState::kDelivered, RecipientState::kDelivered, RecipientState::kFailed,
                                    RecipientState::kDeferred, RecipientState::kHeld};
      life_->Mark(number, recipient, kEnds[Below(kEnds.size())]);
    }
  }

  Workload& workload_;
  PowerCut::Random& random_;
  Life* life_ = nullptr;
};

}  // namespace

Workload::Workload(const SegmentLogOptions& options, DiskImage start, Knowledge known, uint64_t last_number)
    : options_(options),
      start_(std::move(start)),
      known_(std::move(known)),
      disk_(start_),
      history_{.now = known_, .last_number = last_number} {}

Life& Workload::Begin(uint64_t step_count_max) {
  life_.reset();
  disk_.Restart();
  disk_.StopAfter(step_count_max);
  life_ = std::make_unique<Life>(disk_, history_, options_);
  life_->Open();
  return *life_;
}

void Workload::Mend() {
  life_.reset();
  disk_.Restart();
  if (absl::Status status = Repair(disk_); !status.ok()) history_.Fail(std::string(status.message()));
  history_.Learn(disk_.trace().size(), [](Knowledge& known) { known.AllowDamage(0); });
}

Case Workload::Take() { return {.start = start_, .known = known_, .trace = disk_.trace(), .history = history_}; }

std::string ForEachOfSeed(
    uint64_t seed, const std::function<std::string(const SegmentLogOptions&, PowerCut::Random&, const Case&)>& prove) {
  constexpr std::array<uint32_t, 3> kSizes = {4096, 8192, 16384};
  constexpr int kCaseCount = 3;
  PowerCut::Random random(seed);
  const SegmentLogOptions options{
      .segment_size = kSizes[seed % kSizes.size()], .segment_size_min = 4096, .spare_count_max = 2};
  std::pair<DiskImage, Knowledge> left;
  uint64_t last_number = 0;
  for (int i = 0; i < kCaseCount; ++i) {
    Workload workload(options, left.first, left.second, last_number);
    Chance(workload, random).Run(static_cast<int>(40 + random() % 120));
    last_number = workload.history().last_number;
    const Case made = workload.Take();
    if (std::string error = prove(options, random, made); !error.empty()) return error;
    left = Prover::Cut(made, random() % (made.trace.size() + 1), random);
  }
  return "";
}

}  // namespace postern
