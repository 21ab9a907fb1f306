#include "smtp/session.h"

#include <algorithm>
#include <utility>

#include "absl/log/check.h"
#include "absl/log/log.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/envelope.h"
#include "smtp/header_watch.h"
#include "smtp/trace.h"

namespace postern {
namespace {

using Kind = ConversationNote::Kind;

constexpr Reply kOk{250, "2.0.0", "OK"};
constexpr Reply kBye{221, "2.0.0", "Goodbye"};
constexpr Reply kSenderTaken{250, "2.1.0", "Sender accepted"};
constexpr Reply kRecipientTaken{250, "2.1.5", "Recipient accepted"};
constexpr Reply kStartData{354, "", "Send the message, end it with <CRLF>.<CRLF>"};
constexpr Reply kChunkTaken{250, "2.0.0", "Chunk taken"};
constexpr Reply kNotVerified{252, "2.0.0", "Not told in advance; send mail and see"};

constexpr Reply kNoLists{502, "5.5.1", "Lists are not shown"};
constexpr Reply kLineTooLong{500, "5.5.2", "Command line too long"};
constexpr Reply kBareNewlineInCommand{500, "5.5.2", "A line ends with CR LF, and neither stands alone"};
constexpr Reply kMessageTooBig{552, "5.3.4", "Message too big"};
constexpr Reply kRelayDenied{550, "5.7.1", "We do not relay there"};
constexpr Reply kTooBigForRoute{552, "5.3.4", "Message too big for where it goes"};
constexpr Reply kNoRoute{550, "5.1.2", "No route to that domain"};
constexpr Reply kTooManyRecipients{452, "4.5.3", "Too many recipients; send it to the others in another message"};
constexpr Reply kLoop{554, "5.4.6", "Too many hops: the message is in a loop"};
constexpr Reply kNoRoomNow{452, "4.3.1", "No room for the message; try again later"};
constexpr Reply kStoreFailed{451, "4.3.0", "The message cannot be kept; try again later"};

// The last words of a conversation.
constexpr Reply kNotSmtp{421, "4.7.0", "This is an SMTP server"};
constexpr Reply kTooManyErrors{421, "4.7.0", "Too many errors"};
constexpr Reply kTooManyMessages{421, "4.7.0", "Too many messages on this connection; open another"};
constexpr Reply kTooSlow{421, "4.4.2", "Timed out waiting for you"};
constexpr Reply kStopping{421, "4.3.2", "Shutting down; try again later"};
constexpr Reply kBareNewlineInBody{521, "5.5.2", "A message's lines end with CR LF, and neither stands alone"};

constexpr Reply kNoHello{503, "5.5.1", "Say EHLO first"};
constexpr Reply kNoMail{503, "5.5.1", "Say MAIL first"};
constexpr Reply kTwoMails{503, "5.5.1", "There is a sender already"};
constexpr Reply kNoRcpt{503, "5.5.1", "Say RCPT first"};
constexpr Reply kNoneTaken{554, "5.5.1", "No valid recipients"};
constexpr Reply kInChunks{503, "5.5.1", "The message has begun with BDAT; end it so"};

const Reply& ReplyFor(Order order) {
  switch (order) {
    case Order::kNoHello: return kNoHello;
    case Order::kNoMail: return kNoMail;
    case Order::kTwoMails: return kTwoMails;
    case Order::kNoRcpt: return kNoRcpt;
    case Order::kNoneTaken: return kNoneTaken;
    case Order::kInChunks: return kInChunks;
    case Order::kFine: break;
  }
  LOG(FATAL) << "what is in order needs no reply";
}

// A browser that was made to speak to us may carry commands in what it posts; none of them may be run.
bool IsHttp(std::string_view line) {
  constexpr std::string_view kMethods[] = {"GET ",     "POST ",   "PUT ",   "HEAD ", "CONNECT ",
                                           "OPTIONS ", "DELETE ", "PATCH ", "TRACE "};
  return std::any_of(std::begin(kMethods), std::end(kMethods),
                     [line](std::string_view method) { return absl::StartsWithIgnoreCase(line, method); });
}

}  // namespace

void Session::Start(const Peer& peer, std::string& out) {
  state_ = SessionState::kGreeted;
  peer_ = peer;
  helo_.clear();
  extended_ = false;
  has_quit_ = false;
  error_count_ = message_count_ = 0;
  notes_.clear();
  EndTransaction();
  AppendReply({220, "", absl::StrReplaceAll(options_.greeting, {{"{host}", options_.hostname}})}, out);
}

bool Session::in_transaction() const {
  switch (state_) {
    case SessionState::kGreeted:
    case SessionState::kReady:
    case SessionState::kChunksRefused:
    case SessionState::kClosed: return false;
    default: return true;
  }
}

bool Session::keeps_message() const {
  switch (state_) {
    case SessionState::kData:
    case SessionState::kChunk:
    case SessionState::kChunks:
    case SessionState::kCommit: return true;
    default: return false;
  }
}

bool Session::speaks_utf8() const { return transaction_ != nullptr && (transaction_->flags & kEnvelopeUtf8) != 0; }

// --- commands ------------------------------------------------------------------------------------

void Session::HandleLine(std::string_view line, std::string& out) {
  const Command command = ParseCommand(line, speaks_utf8());
  if (command.verb == Verb::kUnknown) {
    if (state_ != SessionState::kGreeted || !IsHttp(line)) return Refuse(*command.error, out);
    Note(Kind::kProtocolBroken, kNotSmtp.code, "HTTP");
    return End(kNotSmtp, out);
  }
  const SessionCell cell = CellOf(state_, command.verb);
  if (command.verb == Verb::kBdat) return HandleBdat(command, cell, out);
  if (cell.order != Order::kFine) return Refuse(ReplyFor(cell.order), out);
  // These two count, and have an effect, also when they are wrong in themselves.
  if (command.verb == Verb::kMail) return HandleMail(command, out);
  if (command.verb == Verb::kRcpt) return HandleRcpt(command, out);
  if (command.error != nullptr) return Refuse(*command.error, out);
  switch (command.verb) {
    case Verb::kHelo:
    case Verb::kEhlo: HandleHello(command, out); break;
    case Verb::kRset:
      EndTransaction();
      AppendReply(kOk, out);
      break;
    case Verb::kNoop: AppendReply(kOk, out); break;
    case Verb::kVrfy: AppendReply(kNotVerified, out); break;
    case Verb::kExpn: return Refuse(kNoLists, out);
    case Verb::kHelp: SayHelp(out); break;
    case Verb::kQuit:
      has_quit_ = true;
      EndTransaction();
      AppendReply(kBye, out);
      break;
    case Verb::kData:  // is answered when there is a place for the message
    case Verb::kMail:  // these have been dealt with
    case Verb::kRcpt:
    case Verb::kBdat:
    case Verb::kUnknown: break;
  }
  state_ = cell.next;
}

void Session::HandleWrongLine(LineStatus status, std::string& out) {
  Refuse(status == LineStatus::kTooLong ? kLineTooLong : kBareNewlineInCommand, out);
}

void Session::HandleHello(const Command& command, std::string& out) {
  EndTransaction();
  helo_ = command.argument;
  extended_ = command.verb == Verb::kEhlo;
  if (!extended_) return AppendReply({250, "", options_.hostname}, out);
  const auto offer = [&](std::string_view keyword, const absl::AlphaNum& value = "") {
    absl::StrAppend(&out, "250-", keyword, value, "\r\n");
  };
  offer(options_.hostname);
  offer("PIPELINING");
  offer("SIZE ", options_.message_size_max);
  offer("8BITMIME");
  offer("SMTPUTF8");
  offer("ENHANCEDSTATUSCODES");
  offer("CHUNKING");
  offer("DSN");
  absl::StrAppend(&out, "250-LIMITS RCPTMAX=", options_.recipient_count_max);
  if (!peer_.trusted) absl::StrAppend(&out, " MAILMAX=", options_.message_count_max);
  out += "\r\n";
  AppendReply({250, "", "HELP"}, out);
}

void Session::HandleMail(const Command& command, std::string& out) {
  if (!peer_.trusted && message_count_ >= options_.message_count_max) return End(kTooManyMessages, out);
  ++message_count_;
  if (command.error != nullptr) return Refuse(*command.error, out);
  if (command.size.value_or(0) > options_.message_size_max) return Refuse(kMessageTooBig, out);
  transaction_ = transactions_.Take();
  transaction_->Start({.peer = peer_.address,
                       .helo = helo_,
                       .sender = command.path.mailbox,
                       .envid = command.envid,
                       .flags = command.flags,
                       .ret = command.ret},
                      command.size.value_or(0), options_.hostname);
  state_ = SessionState::kMail;
  AppendReply(kSenderTaken, out);
}

void Session::HandleRcpt(const Command& command, std::string& out) {
  const Reply* refusal = command.error;
  if (refusal == nullptr && !MayReceive(command.path)) refusal = &kRelayDenied;
  std::optional<Reply> no_way;
  if (refusal == nullptr) no_way = RouteRefusal(command.path);
  if (no_way.has_value()) refusal = &*no_way;
  const Recipient recipient{.address = command.path.mailbox, .notify = command.notify, .orcpt = command.orcpt};
  if (refusal == nullptr &&
      (recipient_count() >= options_.recipient_count_max || !transactions_.TryMakeRoom(*transaction_, recipient))) {
    refusal = &kTooManyRecipients;
  }
  if (refusal != nullptr) {
    if (state_ == SessionState::kMail) state_ = SessionState::kNobody;
    if (refusal == &kTooManyRecipients) return RefuseExcess(command.path, out);
    if (command.error == nullptr) Note(Kind::kRecipientRefused, refusal->code, command.path.mailbox);
    return Refuse(*refusal, out);
  }
  transaction_->envelope.AddRecipient(recipient);
  state_ = SessionState::kRcpt;
  AppendReply(kRecipientTaken, out);
}

// What can never be delivered is not taken, from nobody: the relay would try until it gave up.
std::optional<Reply> Session::RouteRefusal(const Path& path) const {
  if (!options_.routed_domains.has_value()) return std::nullopt;
  const std::optional<uint32_t> route =
      options_.routed_domains->Find(path.domain.empty() ? std::string_view(options_.hostname) : path.domain);
  if (!route.has_value()) return kNoRoute;
  if (*route < options_.reject_texts.size() && !options_.reject_texts[*route].empty()) {
    return Reply{550, "5.7.1", options_.reject_texts[*route]};
  }
  const uint64_t size_max = *route < options_.route_size_max.size() ? options_.route_size_max[*route] : 0;
  if (size_max != 0 && transaction_->declared_size > size_max) return kTooBigForRoute;
  return std::nullopt;
}

// The rest of a list that was under way before the first 452 could be read is no error; to go on and on is one. A peer
// that is trusted may have a list of any length.
void Session::RefuseExcess(const Path& path, std::string& out) {
  const uint32_t count = ++transaction_->excess_count;
  if (count == 1) Note(Kind::kRecipientRefused, kTooManyRecipients.code, path.mailbox);
  if (!peer_.trusted && count > kExcessRecipientCountMax && CountError(out)) return;
  AppendReply(kTooManyRecipients, out);
}

// Never an open relay: the domain decides, and it is the one behind the last "@" that stands outside of quotes. What a
// local part may look like, with "%" or "!" in it, is never read as another address.
bool Session::MayReceive(const Path& path) const {
  if (peer_.trusted || path.domain.empty()) return true;  // only `postmaster` stands without a domain
  if (options_.local_domains.Find(path.domain).has_value()) return true;
  return absl::EqualsIgnoreCase(path.local_part, "postmaster") &&
         absl::EqualsIgnoreCase(path.domain, options_.hostname);
}

// The bytes behind a BDAT are the body's and never commands, whatever is thought of it. When their number is not known,
// nothing behind it can be told from commands, and the conversation ends.
void Session::HandleBdat(const Command& command, SessionCell cell, std::string& out) {
  if (command.error != nullptr) {
    Note(Kind::kProtocolBroken, command.error->code, "BDAT");
    return End(*command.error, out);
  }
  chunk_size_ = command.chunk_size;
  last_chunk_ = command.last_chunk;
  if (cell.order != Order::kFine) {
    if (CountError(out)) return;
    refusal_ = &ReplyFor(cell.order);
    after_chunk_ = state_;
    state_ = SessionState::kChunkRefused;
    return;
  }
  state_ = cell.next;
  if (state_ == SessionState::kChunkRefused) {  // the refusal of the chunk before stands
    after_chunk_ = last_chunk_ ? SessionState::kReady : SessionState::kChunksRefused;
  } else if (chunk_size_ > options_.message_size_max - transaction_->body_size) {
    RefuseBody(kMessageTooBig, Kind::kMessageRefused);
  }
}

void Session::SayHelp(std::string& out) {
  AppendReply({214, "2.0.0", absl::StrCat("Postern ", options_.identity)}, out);
}

std::string_view Session::ComposeTrace(MessageId id, WallTime now) {
  std::string& text = transaction_->text;
  text.clear();
  const TransferProtocol plain = extended_ ? TransferProtocol::kEsmtp : TransferProtocol::kSmtp;
  AppendReceived({.helo = helo_,
                  .peer = peer_.address,
                  .hostname = options_.hostname,
                  .protocol = speaks_utf8() ? TransferProtocol::kUtf8Smtp : plain,
                  .id = id,
                  .time = now},
                 text);
  transaction_->trace_size = text.size();
  return text;
}

// --- the body ------------------------------------------------------------------------------------

void Session::HandleAdmission(std::string& out) {
  if (state_ == SessionState::kDataAdmission) {
    state_ = SessionState::kData;
    AppendReply(kStartData, out);
  } else {
    CHECK(state_ == SessionState::kChunkAdmission);
    state_ = SessionState::kChunk;
  }
}

void Session::HandleAdmissionRefused(HandoffResult why, std::string& out) {
  const Reply& reply = why == HandoffResult::kPoisoned ? kStoreFailed : kNoRoomNow;
  if (state_ == SessionState::kChunkAdmission) return RefuseBody(reply, Kind::kMessageRefused);
  CHECK(state_ == SessionState::kDataAdmission);
  Note(Kind::kMessageRefused, reply.code, reply.text);
  EndTransaction();
  state_ = SessionState::kReady;
  AppendReply(reply, out);
}

void Session::HandleBody(std::string_view bytes) {
  if (!keeps_message()) return;
  // The refusals depend on where in the body they come to be, and not on how it was cut.
  const std::string_view within = bytes.substr(0, options_.message_size_max - transaction_->body_size);
  transaction_->body_size += within.size();
  transaction_->headers.Update(within);
  if (InLoop()) return RefuseBody(kLoop, Kind::kTooManyHops);
  if (within.size() < bytes.size()) RefuseBody(kMessageTooBig, Kind::kMessageRefused);
}

bool Session::InLoop() const {
  const HeaderWatch& headers = transaction_->headers;
  if (headers.hop_count() > options_.hop_count_max) return true;
  return options_.own_hop_count_max != 0 && headers.own_hop_count() > options_.own_hop_count_max;
}

// All of the message is here, and with it what its headers wish.
void Session::StartCommit() {
  const MessagePriority priority = transaction_->headers.priority();
  if (priority == MessagePriority::kUrgent) transaction_->envelope.AddFlags(kEnvelopeUrgent);
  if (priority == MessagePriority::kNonUrgent) transaction_->envelope.AddFlags(kEnvelopeNonUrgent);
  state_ = SessionState::kCommit;
}

void Session::RefuseBody(const Reply& reply, ConversationNote::Kind kind) {
  Note(kind, reply.code, reply.text);
  refusal_ = &reply;
  if (state_ == SessionState::kData) {
    state_ = SessionState::kDataRefused;
  } else {
    after_chunk_ = last_chunk_ ? SessionState::kReady : SessionState::kChunksRefused;
    state_ = SessionState::kChunkRefused;
  }
}

void Session::HandleBodyEnd(std::string& out) {
  switch (state_) {
    case SessionState::kData: return StartCommit();
    case SessionState::kChunk:
      if (last_chunk_) return StartCommit();
      state_ = SessionState::kChunks;
      return AppendReply(kChunkTaken, out);
    case SessionState::kDataRefused: state_ = SessionState::kReady; break;
    case SessionState::kChunkRefused: state_ = after_chunk_; break;
    default: LOG(FATAL) << "no body is coming in";
  }
  AppendReply(*refusal_, out);
  if (!in_transaction()) EndTransaction();
}

void Session::HandleBareNewline(std::string& out) {
  Note(Kind::kProtocolBroken, kBareNewlineInBody.code, "bare CR or LF");
  End(kBareNewlineInBody, out);
}

void Session::HandleReceipt(HandoffResult result, MessageId id, std::string& out) {
  if (state_ == SessionState::kClosed) return EndTransaction();
  CHECK(state_ == SessionState::kCommit);
  if (result == HandoffResult::kDurable) {
    std::string& text = transaction_->text;
    text.assign("queued as ").append(ToText(id).view());
    AppendReply({250, "2.0.0", text}, out);
  } else {
    const Reply& reply = result == HandoffResult::kPoisoned ? kStoreFailed : kNoRoomNow;
    Note(Kind::kMessageRefused, reply.code, reply.text);
    AppendReply(reply, out);
  }
  EndTransaction();
  state_ = SessionState::kReady;
}

void Session::HandleReleased() {
  if (state_ == SessionState::kClosed) EndTransaction();
}

// --- refusals and ends ---------------------------------------------------------------------------

void Session::Refuse(const Reply& reply, std::string& out) {
  if (reply.code >= 500 && CountError(out)) return;
  AppendReply(reply, out);
}

bool Session::CountError(std::string& out) {
  if (++error_count_ <= options_.error_count_max) return false;
  Note(Kind::kTooManyErrors, kTooManyErrors.code, kTooManyErrors.text);
  End(kTooManyErrors, out);
  return true;
}

void Session::HandleTimeout(std::string& out) {
  Note(Kind::kTimedOut, kTooSlow.code, StageOf(state_));
  End(kTooSlow, out);
}

void Session::HandleShutdown(std::string& out) { End(kStopping, out); }

void Session::End(const Reply& last_word, std::string& out) {
  AppendReply(last_word, out);
  Close();
}

// Out of kCommit the envelope stays: the message may be on its way with it, until its receipt or its release.
void Session::Close() {
  if (state_ != SessionState::kCommit && state_ != SessionState::kClosed) EndTransaction();
  state_ = SessionState::kClosed;
}

void Session::EndTransaction() {
  if (transaction_ != nullptr) transactions_.Give(std::move(transaction_));
}

void Session::Note(ConversationNote::Kind kind, uint16_t code, std::string_view text) {
  const std::string_view sender = transaction_ != nullptr ? transaction_->sender : std::string_view();
  notes_.push_back({kind, code, std::string(text), std::string(sender)});
}

}  // namespace postern
