// Envelope is what SMTP says about a message beside its content: from whom, for whom, and with which wishes.
//
// It travels as bytes (the encoded form that smtp/ writes, store/ keeps unread and relay/ reads back), so that neither
// a handoff nor a record needs to know SMTP. EnvelopeWriter appends to a string that its owner reuses; Envelope holds
// views into the encoded bytes and lives no longer than they. Both are plain values of the thread that uses them.
//
//   encoded:    version u8 | flags u8 | ret u8 | peer | helo | sender | envid | count u32 | recipient ...
//   recipient:  notify u8 | address | orcpt
//   a string:   size u16 little-endian | bytes

#ifndef POSTERN_CORE_ENVELOPE_H_
#define POSTERN_CORE_ENVELOPE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern {

// RFC 3461 4.3: what to return of the message.
enum class DsnReturn : uint8_t { kUnspecified, kFull, kHeaders };

// RFC 3461 4.1: bits; none set is "not said", which stands for failure and delay.
inline constexpr uint8_t kNotifyNever = 1;
inline constexpr uint8_t kNotifySuccess = 2;
inline constexpr uint8_t kNotifyFailure = 4;
inline constexpr uint8_t kNotifyDelay = 8;

inline constexpr uint8_t kEnvelopeEightBit = 1;  // BODY=8BITMIME (RFC 6152)
inline constexpr uint8_t kEnvelopeUtf8 = 2;      // SMTPUTF8 (RFC 6531)
// Set by ourselves; no client can ask for them in the envelope.
inline constexpr uint8_t kEnvelopeUrgent = 4;       // the message's Priority: or X-Priority: line says so
inline constexpr uint8_t kEnvelopeNonUrgent = 8;    // the same
inline constexpr uint8_t kEnvelopeReport = 16;      // a report of ours about another message
inline constexpr uint8_t kEnvelopeLastReport = 32;  // one for postmaster, since a report could not be delivered

struct Recipient {
  std::string_view address = {};  // without angle brackets; "postmaster" may stand without a domain
  uint8_t notify = 0;
  std::string_view orcpt = {};  // xtext, with its type, as it was said; empty when it was not
};

struct EnvelopeHead {
  std::string_view peer = {};    // the client's address in text form
  std::string_view helo = {};    // what it called itself
  std::string_view sender = {};  // without angle brackets; empty is the null sender
  std::string_view envid = {};   // xtext, as it was said
  uint8_t flags = 0;
  DsnReturn ret = DsnReturn::kUnspecified;
};

struct Envelope : EnvelopeHead {
  std::vector<Recipient> recipients;
};

// Writes an envelope in the order in which SMTP tells it.
class EnvelopeWriter {
 public:
  void Start(const EnvelopeHead& head);
  void AddRecipient(const Recipient& recipient);
  // What is known only at the end of the message. After Start().
  void AddFlags(uint8_t flags);
  // Keeps its memory, up to kEnvelopeSizeKept.
  void Clear();

  bool started() const { return !bytes_.empty(); }
  uint32_t recipient_count() const { return recipient_count_; }
  // The encoded form, complete after every call; gone at the next Start() or Clear().
  std::string_view bytes() const { return bytes_; }

  // Bytes of memory that it takes, and would take with one recipient more: it grows to twice its size.
  size_t memory_size() const { return bytes_.capacity(); }
  size_t MemorySizeWith(const Recipient& recipient) const;

 private:
  std::string bytes_;
  size_t count_offset_ = 0;
  uint32_t recipient_count_ = 0;
};

// Nothing when the bytes are not an envelope; never reads outside them.
std::optional<Envelope> ParseEnvelope(std::string_view bytes);

}  // namespace postern

#endif  // POSTERN_CORE_ENVELOPE_H_
