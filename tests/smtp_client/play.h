// Play is a client conversation with a scripted peer: honest or hostile, at any pace, and with any cut of the bytes.
//
// A plain value of the test that makes it; it has played when it is made. PlayAllCuts() plays one script with input,
// output and body cut at many sizes, and expects the same ending of all.

#ifndef POSTERN_TESTS_SMTP_CLIENT_PLAY_H_
#define POSTERN_TESTS_SMTP_CLIENT_PLAY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/envelope.h"
#include "core/ring_buffer.h"
#include "smtp/client_conversation.h"

namespace postern {

inline constexpr MonotonicTime kPlayStart{1'000'000'000};

// What the peer says to a line that starts with `expected`; lines that no turn waits for are not answered. "" as a
// reply is silence, kHangUp closes. A chunk is answered when it is whole: the last one by a turn "LAST", another by a
// turn "BDAT" if it is its turn, and otherwise by "250 chunk". When it comes to no such
// chunk, its turn is passed over.
struct Turn {
  std::string expected;
  std::string reply;
};
inline constexpr std::string_view kHangUp = "<hang up>";

struct Sample {
  std::string sender = "a@sender.example";
  std::vector<std::string> recipients = {"b@there.example"};
  std::string body = "Subject: hi\r\n\r\nhello\r\n";
  uint8_t flags = 0;
};

struct Cuts {
  size_t in_size = 1000;  // bytes of the peer that come at once
  size_t out_size = 32 * 1024;
  size_t body_size = 100'000;  // bytes of a piece
};

ClientPolicy PlayPolicy();

class Play {
 public:
  // `messages`, one after the other on one connection, then QUIT.
  Play(std::vector<Turn> script, std::vector<Sample> messages, Cuts cuts = {}, ClientPolicy policy = PlayPolicy());

  std::string transcript;  // all that the client said; of chunks what is in them, and "<LAST>" behind the last
  std::string said;        // the same as bytes
  std::string results;     // "delivered 250 2.0.0 ok" and so on, a line each; behind it " reports" if the peer does
  ClientConversation conversation;
  MonotonicTime now = kPlayStart;
  bool closed = false;
  size_t ahead_count = 0;  // lines that came before the last one was answered

 private:
  void Run();
  void Step();
  void StartNext();
  void Hear(std::string_view bytes);
  void HearLine(const std::string& line);
  void HearChunk();
  void Say(const std::string& reply);

  ClientPolicy policy_;
  std::vector<Turn> script_;
  std::vector<Sample> messages_;
  const Cuts cuts_;
  std::vector<char> out_memory_;
  std::array<char, 256> in_memory_;
  RingBuffer out_;
  RingBuffer in_;
  std::string to_client_;
  std::string line_;
  size_t chunk_rest_ = 0;
  bool last_chunk_ = false;
  size_t fed_size_ = 0;
  size_t turn_ = 0;
  size_t message_index_ = 0;
  size_t body_offset_ = 0;
  bool in_body_ = false;
  bool hung_up_ = false;
  EnvelopeHead head_;
  std::vector<Recipient> recipients_;
};

struct Ending {
  std::string transcript;
  std::string results;
};

// The one ending of all cuts. Checks as well that nothing is said ahead to a peer that does not offer PIPELINING.
Ending PlayAllCuts(const std::vector<Turn>& script, const std::vector<Sample>& messages,
                   const ClientPolicy& policy = PlayPolicy());

}  // namespace postern

#endif  // POSTERN_TESTS_SMTP_CLIENT_PLAY_H_
