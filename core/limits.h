// Every bound that Postern keeps, with its reason.
//
// The numbers that an operator may change are defaults here and keys in docs/configuration.md; the others are fixed by
// a protocol or by the shape of the program. All floors read this file; it belongs to nobody and lives on every thread.

#ifndef POSTERN_CORE_LIMITS_H_
#define POSTERN_CORE_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace postern {

// A command line with its CR LF. RFC 5321 4.5.3.1.4 asks for 512, and DSN, SIZE, SMTPUTF8 and AUTH add to it.
inline constexpr size_t kCommandLineSizeMax = 2048;

// RFC 5321 4.5.3.1.1 and .2. A longer one is refused at once, before it reaches a part that might believe it.
inline constexpr size_t kLocalPartSizeMax = 64;
inline constexpr size_t kDomainSizeMax = 255;
inline constexpr size_t kPathSizeMax = 256;  // RFC 5321 4.5.3.1.3, with the angle brackets

// RFC 3461 4.4 and 4.2: the xtext as it stands on the wire.
inline constexpr size_t kEnvidSizeMax = 100;
inline constexpr size_t kOrcptSizeMax = 500;

// One reply line with its CR LF (RFC 5321 4.5.3.1.5), which bounds what we say and what we believe of a peer.
inline constexpr size_t kReplyLineSizeMax = 512;
inline constexpr size_t kReplyLineCountMax = 64;

// More Received lines than this is a loop (RFC 5321 6.3 asks for at least 100).
inline constexpr uint32_t kHopCountMax = 100;

// More Received lines of our own than this is a loop that comes back to us: a message may pass us twice in good faith,
// by way of a filter or a forwarding mailbox, and a few times more by both.
inline constexpr uint32_t kOwnHopCountMax = 5;

// Refused commands in one conversation before it is closed with 421: enough for a confused client, not for a flood.
inline constexpr uint32_t kErrorCountMax = 20;

// The piece of memory that is lent: a ring for input, or a fragment of a body. A 64 KiB message is two of them, and a
// thousand conversations with three each stay under 100 MiB.
inline constexpr size_t kBlockSize = 32 * 1024;

// Fragments of one message that may be on their way to the log: one is written while the next one fills.
inline constexpr uint32_t kFragmentsInFlightMax = 2;

// An envelope, encoded: so much memory is kept for the next message, and what goes beyond it is charged to the budget
// that the messages of a reactor share. A hundred recipients with the usual parameters stay below.
inline constexpr size_t kEnvelopeSizeKept = 16 * 1024;

// Recipients beyond a message's limit that a peer may name before they count as errors: it had sent the rest of a long
// list before it could read our first 452.
inline constexpr uint32_t kExcessRecipientCountMax = 100;

// Defaults of the configuration.
inline constexpr uint64_t kMessageSizeMaxDefault = 50ull * 1024 * 1024;
inline constexpr uint32_t kRecipientCountMaxDefault = 1000;  // RFC 5321 4.5.3.1.8 asks for 100; lists are larger
inline constexpr uint32_t kConnectionCountMaxDefault = 10'000;
inline constexpr uint32_t kConnectionsPerAddressMaxDefault = 100;
inline constexpr uint32_t kMessagesPerConnectionMaxDefault = 100;
inline constexpr uint64_t kReturnSizeMaxDefault = 64ull * 1024;  // a report is for reading; the sender has the message
inline constexpr size_t kBufferMemoryMaxDefault = 256ull * 1024 * 1024;

// What one recipient adds to a record of the log at most: NOTIFY, address and ORCPT in the envelope (core/envelope.h),
// and, in a record that moves the message, his state and the last reply (store/outcome.h), as long as a reply line. No
// record spans two segments, so the configuration holds all recipients of a message to half of one. The other half is
// more than enough for the rest: the positions of 64 Ki fragments (2 GiB), the last of them, and who sent it.
inline constexpr size_t kRecipientRecordSizeMax = 1 + 2 + (kPathSizeMax - 2) + 2 + kOrcptSizeMax  // the envelope
                                                  + 17 + kReplyLineSizeMax;                       // the outcome

// The log: a segment is a file, written once from its start to its end and then recycled.
inline constexpr uint32_t kSegmentSizeDefault = 64u * 1024 * 1024;

// With less room on the disk no mail is taken, and what is queued goes out (imc.md, Q189587).
inline constexpr uint64_t kFreeSizeMinDefault = 10ull * 1024 * 1024;

}  // namespace postern

#endif  // POSTERN_CORE_LIMITS_H_
