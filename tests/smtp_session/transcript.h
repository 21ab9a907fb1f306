// Transcript is a conversation written down as a dialogue: a text file that is a test.
//
// A plain value of the test that reads it. ParseTranscript() turns text into steps; the Replay
// functions play them against a fresh Conversation, whole or in any cut of the peer's bytes.
//
//   # text                   a comment; the first one says what is tested, and where it is written
//   O name value             an option; all before the first other step. Defaults: see ParseOption() in transcript.cc
//   C line / line            lines of the peer, each ended by CR LF; an empty one between two slashes is an empty line
//   C* count line            the line, count times
//   B text, B* count text    the same without any line end
//   S reply / reply          what we say to all that, reply by reply: the beginning, up to a blank; "*" is any text.
//                            Lines of one reply are joined by " | "
//   S* count reply           the same reply, count times
//   A answer                 how the next admission is answered: yes, no_room, poisoned, later
//   R answer                 the same for the receipt of the next whole message
//   F answer                 the same for the next block that is needed: yes, later
//   ! answer                 the answer to what was answered "later"
//   ! shutdown, ! abort      the gateway stops, or does at once
//   ! end                    the peer closes its side
//   T 30s                    time passes; also ms, m, h
//   = message text           the next message that was handed over, as ToText() in transcript.cc writes it:
//                            "from <a> to <b>, <c>" and what else was said of it; "*" is any text
//   = body line / line       its body without our trace; each line ends with CR LF
//   = body* count line
//   = bytes text             its body without our trace, as bytes
//   = trace text             its trace, as bytes; "*" is any text
//   = note kind code text    the next note
//   = patience 30s           how long the peer has; "none" when it is not waited for
//   = released               a message was given up: its block went back
//   = open, = closed
//
// In what is sent and expected, \r \n \t \0 \\ and \xHH stand for bytes; a slash between blanks is \x2f. Every message,
// note and release has to be expected, and every reply.

#ifndef POSTERN_TESTS_SMTP_SESSION_TRANSCRIPT_H_
#define POSTERN_TESTS_SMTP_SESSION_TRANSCRIPT_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/conversation.h"

namespace postern {

struct TranscriptStep {
  size_t line = 0;  // in the file, from 1
  enum class Kind : uint8_t { kSend, kReplies, kOutside, kExpect } kind = Kind::kSend;
  std::string word{};                // kOutside: "A", "R", "F", "!", "T"; kExpect: "message", ...
  std::string text{};                // kSend: the bytes; otherwise the rest of the line
  std::vector<std::string> parts{};  // kReplies: a pattern each
};

struct Transcript {
  std::string name;
  ConversationOptions options{};
  std::string peer_address = "192.0.2.7";
  bool peer_trusted = false;
  Peer peer() const { return {.address = peer_address, .trusted = peer_trusted}; }
  std::vector<TranscriptStep> steps{};
};

// CHECKs that the file is a transcript: a test that cannot be read has failed.
Transcript ParseTranscript(std::string name, std::string_view text);

// Cuts what the peer sends between two steps of another kind into packets.
using Cutter = std::function<std::vector<std::string_view>(std::string_view)>;

// As a dialogue: every step is compared when its turn comes. Returns what was otherwise, "name:line: what".
std::vector<std::string> ReplayDialogue(const Transcript& transcript);

// Pipelined: what is sent up to the next step that is neither C, B, S nor = comes at once, cut by `cut`. Returns all
// that was said, handed over and noted, for comparing one cut with another.
std::string ReplayCut(const Transcript& transcript, const Cutter& cut);

}  // namespace postern

#endif  // POSTERN_TESTS_SMTP_SESSION_TRANSCRIPT_H_
