#include "gateway/control_stream.h"

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "gateway/control_protocol.h"
#include "relay/queue_tally.h"

namespace postern {
namespace {

// How much of the relay's time one step may take, a millisecond or so.
constexpr size_t kPlacesInStep = 16'384;
constexpr size_t kDestinationsInLine = 256;

class DestinationStream final : public ControlStream {
 public:
  DestinationStream(MailStore& store, const DestinationBook& book,
                    std::function<std::vector<DestinationStatus>()> statuses)
      : store_(store), statuses_(std::move(statuses)), tally_(store, book) {}

  Step Next(std::string& output) override {
    if (!ranked_) {
      if (tally_.Step(kPlacesInStep)) return Step::kNotYet;
      tally_.Rank(statuses_());
      ranked_ = true;
    }
    DestinationPage page{.message_count = store_.message_count()};
    while (page.destinations.size() < kDestinationsInLine) {
      std::optional<DestinationView> destination = tally_.Next();
      if (!destination.has_value()) break;
      page.destinations.push_back(*std::move(destination));
    }
    page.more = page.destinations.size() == kDestinationsInLine;
    output += EncodeDestinations(page);
    return page.more ? Step::kLine : Step::kLastLine;
  }

 private:
  MailStore& store_;
  const std::function<std::vector<DestinationStatus>()> statuses_;
  QueueTally tally_;
  bool ranked_ = false;
};

class ExportStream final : public ControlStream {
 public:
  explicit ExportStream(StoredMessage message) : message_(std::move(message)) {}

  Step Next(std::string& output) override {
    const absl::StatusOr<std::string_view> piece = message_.body->Next();
    if (!piece.ok()) {
      output += EncodeError(piece.status());
      return Step::kLastLine;
    }
    const bool more = !piece->empty();
    output += EncodePiece(*piece, more);
    return more ? Step::kLine : Step::kLastLine;
  }

 private:
  const StoredMessage message_;
};

}  // namespace

std::unique_ptr<ControlStream> StreamDestinations(MailStore& store, const DestinationBook& book,
                                                  std::function<std::vector<DestinationStatus>()> statuses) {
  return std::make_unique<DestinationStream>(store, book, std::move(statuses));
}

std::unique_ptr<ControlStream> StreamExport(StoredMessage message) {
  return std::make_unique<ExportStream>(std::move(message));
}

}  // namespace postern
