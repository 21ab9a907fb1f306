// Walks every cell of the session table and compares it with what RFC 5321 4.1.4 and RFC 3030 say, told a second time,
// by verb instead of by state.

#include "smtp/session_table.h"

#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

using enum SessionState;

constexpr SessionState kCommandStates[] = {kGreeted, kReady, kMail, kNobody, kRcpt, kChunks, kChunksRefused};
static_assert(std::size(kCommandStates) == kCommandStateCount);

SessionCell To(SessionState next) { return {Order::kFine, next}; }

SessionCell Expected(SessionState state, Verb verb) {
  const auto no = [state](Order order) { return SessionCell{order, state}; };
  const bool has_mail = state == kMail || state == kNobody || state == kRcpt || state == kChunks;
  switch (verb) {
    // RFC 5321 4.1.4: at any time, and they begin or go back to the beginning.
    case Verb::kHelo:
    case Verb::kEhlo: return To(kReady);
    case Verb::kRset: return To(state == kGreeted ? kGreeted : kReady);
    case Verb::kQuit: return To(kClosed);
    // At any time, and they change nothing.
    case Verb::kNoop:
    case Verb::kVrfy:
    case Verb::kExpn:
    case Verb::kHelp: return To(state);
    // All others need a HELO or EHLO, and their predecessor.
    case Verb::kMail:
      if (state == kGreeted) return no(Order::kNoHello);
      return has_mail ? no(Order::kTwoMails) : To(kMail);
    case Verb::kRcpt:
      if (state == kGreeted) return no(Order::kNoHello);
      if (!has_mail) return no(Order::kNoMail);
      return state == kChunks ? no(Order::kInChunks) : To(kRcpt);
    case Verb::kData:
    case Verb::kBdat:
      if (state == kGreeted) return no(Order::kNoHello);
      if (state == kChunksRefused && verb == Verb::kBdat) return To(kChunkRefused);  // RFC 3030 2: swallow and refuse
      if (!has_mail) return no(Order::kNoMail);
      if (state == kMail) return no(Order::kNoRcpt);
      if (state == kNobody) return no(Order::kNoneTaken);
      if (state == kChunks) return verb == Verb::kBdat ? To(kChunk) : no(Order::kInChunks);
      return To(verb == Verb::kBdat ? kChunkAdmission : kDataAdmission);
    case Verb::kUnknown: break;
  }
  ADD_FAILURE() << "a verb that this test does not know";
  return {};
}

TEST(SessionTable, EveryCellIsWhatTheProtocolSays) {
  for (const SessionState state : kCommandStates) {
    for (size_t verb = 0; verb < static_cast<size_t>(Verb::kUnknown); ++verb) {
      EXPECT_EQ(CellOf(state, static_cast<Verb>(verb)), Expected(state, static_cast<Verb>(verb)))
          << "state " << static_cast<int>(state) << ", verb " << verb;
    }
  }
}

// From every state a message can still be sent: there is no dead end but the end.
TEST(SessionTable, EveryStateLeadsBackToAMessage) {
  for (const SessionState state : kCommandStates) {
    const SessionState ready = CellOf(state, Verb::kEhlo).next;
    const SessionState mail = CellOf(ready, Verb::kMail).next;
    const SessionState rcpt = CellOf(mail, Verb::kRcpt).next;
    EXPECT_EQ(CellOf(rcpt, Verb::kData), To(kDataAdmission)) << static_cast<int>(state);
    EXPECT_EQ(CellOf(rcpt, Verb::kBdat), To(kChunkAdmission)) << static_cast<int>(state);
  }
}

TEST(SessionTable, EveryStateHasAStage) {
  for (size_t state = 0; state <= static_cast<size_t>(kClosed); ++state) {
    EXPECT_FALSE(StageOf(static_cast<SessionState>(state)).empty());
  }
  EXPECT_EQ(StageOf(kGreeted), "greeting");
  EXPECT_EQ(StageOf(kChunks), "command");
  EXPECT_EQ(StageOf(kDataRefused), "DATA");
  EXPECT_EQ(StageOf(kChunkRefused), "BDAT");
}

}  // namespace
}  // namespace postern
