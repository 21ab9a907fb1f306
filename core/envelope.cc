#include "core/envelope.h"

#include <algorithm>

#include "absl/log/check.h"
#include "core/limits.h"

namespace postern {
namespace {

constexpr size_t kFlagsOffset = 1;

constexpr char kVersion = 1;

// A recipient without its texts: the notify byte and two sizes.
constexpr size_t kRecipientSizeMin = 5;

void AppendU32At(std::string& bytes, size_t offset, uint32_t value) {
  for (int i = 0; i < 4; ++i) bytes[offset + i] = static_cast<char>(value >> (8 * i));
}

void AppendString(std::string& bytes, std::string_view text) {
  CHECK_LE(text.size(), 0xFFFFu);  // limits.h bounds every part far below
  bytes.push_back(static_cast<char>(text.size()));
  bytes.push_back(static_cast<char>(text.size() >> 8));
  bytes.append(text);
}

// Takes parts off the front of `bytes`; after the first that is not there, all the rest are empty and ok() is false.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}

  std::string_view Take(size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    std::string_view part = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return part;
  }
  uint32_t TakeNumber(size_t size) {
    uint32_t value = 0;
    const std::string_view part = Take(size);
    for (size_t i = 0; i < part.size(); ++i) value |= static_cast<uint32_t>(static_cast<uint8_t>(part[i])) << (8 * i);
    return value;
  }
  std::string_view TakeString() { return Take(TakeNumber(2)); }

  bool ok() const { return ok_; }
  size_t rest_size() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

void EnvelopeWriter::Start(const EnvelopeHead& head) {
  Clear();
  bytes_.push_back(kVersion);
  bytes_.push_back(static_cast<char>(head.flags));
  bytes_.push_back(static_cast<char>(head.ret));
  AppendString(bytes_, head.peer);
  AppendString(bytes_, head.helo);
  AppendString(bytes_, head.sender);
  AppendString(bytes_, head.envid);
  count_offset_ = bytes_.size();
  bytes_.append(4, '\0');
}

void EnvelopeWriter::AddRecipient(const Recipient& recipient) {
  CHECK(started());
  bytes_.reserve(MemorySizeWith(recipient));
  bytes_.push_back(static_cast<char>(recipient.notify));
  AppendString(bytes_, recipient.address);
  AppendString(bytes_, recipient.orcpt);
  AppendU32At(bytes_, count_offset_, ++recipient_count_);
}

void EnvelopeWriter::AddFlags(uint8_t flags) {
  CHECK(started());
  bytes_[kFlagsOffset] = static_cast<char>(bytes_[kFlagsOffset] | flags);
}

size_t EnvelopeWriter::MemorySizeWith(const Recipient& recipient) const {
  const size_t size = bytes_.size() + kRecipientSizeMin + recipient.address.size() + recipient.orcpt.size();
  return size <= bytes_.capacity() ? bytes_.capacity() : std::max(size, 2 * bytes_.capacity());
}

void EnvelopeWriter::Clear() {
  bytes_.clear();
  if (bytes_.capacity() > kEnvelopeSizeKept) std::string().swap(bytes_);
  recipient_count_ = 0;
}

std::optional<Envelope> ParseEnvelope(std::string_view bytes) {
  Cursor cursor(bytes);
  if (cursor.TakeNumber(1) != kVersion) return std::nullopt;
  Envelope envelope;
  envelope.flags = static_cast<uint8_t>(cursor.TakeNumber(1));
  const uint32_t ret = cursor.TakeNumber(1);
  if (ret > static_cast<uint32_t>(DsnReturn::kHeaders)) return std::nullopt;
  envelope.ret = static_cast<DsnReturn>(ret);
  envelope.peer = cursor.TakeString();
  envelope.helo = cursor.TakeString();
  envelope.sender = cursor.TakeString();
  envelope.envid = cursor.TakeString();
  const uint32_t count = cursor.TakeNumber(4);
  // A count that cannot be true must not make us reserve memory for it.
  if (!cursor.ok() || count > cursor.rest_size() / kRecipientSizeMin) return std::nullopt;
  envelope.recipients.resize(count);
  for (Recipient& recipient : envelope.recipients) {
    recipient.notify = static_cast<uint8_t>(cursor.TakeNumber(1));
    recipient.address = cursor.TakeString();
    recipient.orcpt = cursor.TakeString();
  }
  if (!cursor.ok() || cursor.rest_size() != 0) return std::nullopt;
  return envelope;
}

}  // namespace postern
