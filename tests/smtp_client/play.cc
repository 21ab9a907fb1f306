#include "tests/smtp_client/play.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

const char* Word(Fate fate) {
  switch (fate) {
    case Fate::kPending: return "pending";
    case Fate::kDelivered: return "delivered";
    case Fate::kDeferred: return "deferred";
    case Fate::kRefused: return "refused";
    case Fate::kNextTransaction: return "next";
  }
  return "";
}

}  // namespace

ClientPolicy PlayPolicy() {
  ClientPolicy policy;
  policy.hostname = "client.example";
  return policy;
}

Play::Play(std::vector<Turn> script, std::vector<Sample> messages, Cuts cuts, ClientPolicy policy)
    : policy_(std::move(policy)),
      script_(std::move(script)),
      messages_(std::move(messages)),
      cuts_(cuts),
      out_memory_(cuts.out_size),
      out_(out_memory_),
      in_(in_memory_) {
  Run();
}

void Play::Run() {
  conversation.Start(policy_, now);
  Say(script_[turn_++].reply);
  for (int quiet = 0; quiet < 3 && !closed;) {
    const size_t before = said.size() + fed_size_;
    Step();
    quiet = before == said.size() + fed_size_ ? quiet + 1 : 0;
  }
}

void Play::Step() {
  const std::span<char> room = in_.WritableSpan();
  const size_t size = std::min({cuts_.in_size, to_client_.size(), room.size()});
  std::memcpy(room.data(), to_client_.data(), size);
  in_.Commit(size);
  fed_size_ += size;
  to_client_.erase(0, size);
  const ClientWant want = conversation.Pump(in_, out_, now);
  if (conversation.TakeFinished()) {
    for (const RecipientResult& r : conversation.results()) {
      absl::StrAppend(&results, Word(r.fate), " ", r.reply.code, " ", r.reply.enhanced, " ", r.reply.text,
                      r.peer_reports ? " reports\n" : "\n");
    }
  }
  if (want == ClientWant::kBody) {
    const std::string& body = messages_[message_index_ - 1].body;
    const size_t piece = std::min(cuts_.body_size, body.size() - body_offset_);
    conversation.GiveBody(std::string_view(body).substr(body_offset_, piece), body_offset_ + piece == body.size());
    body_offset_ += piece;
  }
  if (want == ClientWant::kMessage && out_.empty()) StartNext();
  while (!out_.empty()) {
    Hear(out_.Peek());
    out_.Consume(out_.Peek().size());
  }
  closed = want == ClientWant::kClose;
  if (hung_up_ && to_client_.empty() && in_.empty() && !closed) {
    conversation.HandleDisconnect("the peer hung up");
    hung_up_ = false;
  }
}

void Play::StartNext() {
  if (message_index_ == messages_.size()) return conversation.StartQuit(now);
  const Sample& sample = messages_[message_index_++];
  head_.sender = sample.sender;
  head_.envid = "QQ314";
  head_.flags = sample.flags;
  head_.ret = DsnReturn::kHeaders;
  recipients_.clear();
  for (const std::string& address : sample.recipients) {
    recipients_.push_back({.address = address, .notify = kNotifySuccess | kNotifyFailure, .orcpt = "rfc822;x"});
  }
  body_offset_ = 0;
  conversation.StartMessage({.head = &head_, .recipients = recipients_, .body_size = sample.body.size()}, now);
}

void Play::Hear(std::string_view bytes) {
  for (const char c : bytes) {
    said.push_back(c);
    if (chunk_rest_ > 0) {
      transcript.push_back(c);
      if (--chunk_rest_ == 0) HearChunk();
      continue;
    }
    line_.push_back(c);
    if (!absl::EndsWith(line_, "\r\n")) continue;
    HearLine(std::exchange(line_, {}));
  }
}

void Play::HearLine(const std::string& line) {
  if (!in_body_ && !to_client_.empty()) ++ahead_count;
  if (!in_body_ && absl::StartsWith(line, "BDAT ")) {
    const std::vector<std::string> words = absl::StrSplit(line.substr(0, line.size() - 2), ' ');
    CHECK(words.size() >= 2 && absl::SimpleAtoi(words[1], &chunk_rest_)) << line;
    last_chunk_ = words.size() == 3 && words[2] == "LAST";
    CHECK(last_chunk_ || words.size() == 2) << line;
    if (chunk_rest_ == 0) HearChunk();
    return;
  }
  transcript += line;
  const auto for_chunk = [this] { return script_[turn_].expected == "BDAT" || script_[turn_].expected == "LAST"; };
  while (turn_ < script_.size() && for_chunk()) ++turn_;
  if (turn_ == script_.size()) return;
  if (in_body_ && line != ".\r\n" && script_[turn_].expected == ".") return;
  if (!absl::StartsWith(line, script_[turn_].expected)) return;
  in_body_ = absl::StartsWith(script_[turn_].reply, "354");
  Say(script_[turn_++].reply);
}

void Play::HearChunk() {
  if (last_chunk_) transcript += "<LAST>\r\n";
  while (last_chunk_ && turn_ < script_.size() && script_[turn_].expected == "BDAT") ++turn_;
  const std::string_view expected = last_chunk_ ? "LAST" : "BDAT";
  if (turn_ < script_.size() && script_[turn_].expected == expected) {
    Say(script_[turn_++].reply);
  } else if (!last_chunk_) {
    Say("250 chunk");
  }
}

void Play::Say(const std::string& reply) {
  if (reply == kHangUp) {
    hung_up_ = true;
  } else if (!reply.empty()) {
    absl::StrAppend(&to_client_, reply, "\r\n");
  }
}

Ending PlayAllCuts(const std::vector<Turn>& script, const std::vector<Sample>& messages, const ClientPolicy& policy) {
  const bool pipelining =
      std::any_of(script.begin(), script.end(), [](const Turn& t) { return absl::StrContains(t.reply, "PIPELINING"); });
  const Play whole(script, messages, {}, policy);
  for (size_t cut = 1; cut < 40; ++cut) {
    for (const size_t out_size : {size_t{2}, size_t{3}, cut + 1, size_t{100}}) {
      const Play play(script, messages, {.in_size = cut, .out_size = out_size, .body_size = cut}, policy);
      EXPECT_EQ(play.transcript, whole.transcript) << "cut " << cut << " out " << out_size;
      EXPECT_EQ(play.results, whole.results) << "cut " << cut << " out " << out_size;
      EXPECT_EQ(play.closed, whole.closed);
      EXPECT_TRUE(pipelining || play.ahead_count == 0) << "cut " << cut << " out " << out_size;
    }
  }
  return {whole.transcript, whole.results};
}

}  // namespace postern
