#include "smtp/session_table.h"

#include "absl/log/check.h"

namespace postern {
namespace {

using enum SessionState;
using enum Order;

// The columns: verbs that are alike share one.
enum class Column : uint8_t { kHello, kMail, kRcpt, kData, kBdat, kRset, kOthers, kQuit };
constexpr size_t kColumnCount = static_cast<size_t>(Column::kQuit) + 1;

constexpr Column ColumnOf(Verb verb) {
  switch (verb) {
    case Verb::kHelo:
    case Verb::kEhlo: return Column::kHello;
    case Verb::kMail: return Column::kMail;
    case Verb::kRcpt: return Column::kRcpt;
    case Verb::kData: return Column::kData;
    case Verb::kBdat: return Column::kBdat;
    case Verb::kRset: return Column::kRset;
    case Verb::kQuit: return Column::kQuit;
    case Verb::kNoop:
    case Verb::kVrfy:
    case Verb::kExpn:
    case Verb::kHelp:
    case Verb::kUnknown: break;
  }
  return Column::kOthers;
}

// A cell: the state that follows, or the reason of a refusal, which changes nothing.
struct Entry {
  Order order = kFine;
  SessionState next = kClosed;

  constexpr Entry(SessionState next) : next(next) {}  // NOLINT(google-explicit-constructor): a table of bare names
  constexpr Entry(Order order) : order(order) {}      // NOLINT(google-explicit-constructor)
};

// What each verb does in each state: where it leads, or why it is refused. NOOP, VRFY, EXPN and HELP are the "others".
// A BDAT that is refused has its bytes swallowed all the same, in kChunkRefused, and comes back to where it stood.
// clang-format off
constexpr Entry kTable[kCommandStateCount][kColumnCount] = {
//                    Hello   Mail       Rcpt       Data            Bdat             Rset      others          Quit
/* kGreeted       */ {kReady, kNoHello,  kNoHello,  kNoHello,       kNoHello,        kGreeted, kGreeted,       kClosed},
/* kReady         */ {kReady, kMail,     kNoMail,   kNoMail,        kNoMail,         kReady,   kReady,         kClosed},
/* kMail          */ {kReady, kTwoMails, kRcpt,     kNoRcpt,        kNoRcpt,         kReady,   kMail,          kClosed},
/* kNobody        */ {kReady, kTwoMails, kRcpt,     kNoneTaken,     kNoneTaken,      kReady,   kNobody,        kClosed},
/* kRcpt          */ {kReady, kTwoMails, kRcpt,     kDataAdmission, kChunkAdmission, kReady,   kRcpt,          kClosed},
/* kChunks        */ {kReady, kTwoMails, kInChunks, kInChunks,      kChunk,          kReady,   kChunks,        kClosed},
/* kChunksRefused */ {kReady, kMail,     kNoMail,   kNoMail,        kChunkRefused,   kReady,   kChunksRefused, kClosed},
};
// clang-format on

}  // namespace

SessionCell CellOf(SessionState state, Verb verb) {
  DCHECK_LT(static_cast<size_t>(state), kCommandStateCount);
  const Entry& entry = kTable[static_cast<size_t>(state)][static_cast<size_t>(ColumnOf(verb))];
  return {entry.order, entry.order == kFine ? entry.next : state};
}

std::string_view StageOf(SessionState state) {
  switch (state) {
    case kGreeted: return "greeting";
    case kData:
    case kDataRefused: return "DATA";
    case kChunk:
    case kChunkRefused: return "BDAT";
    default: return "command";
  }
}

}  // namespace postern
