#include "net/dialog.h"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "net/poller.h"
#include "net/socket.h"

namespace postern {
namespace {

using std::chrono::milliseconds;

MonotonicTime In(Duration time) { return SystemClock().Monotonic() + time; }

// The other end, which does one thing after the other, too.
class Peer {
 public:
  explicit Peer(Socket listening) : listening_(listening) {}

  void Accept() {
    SocketAddress from;
    Op accept{.kind = OpKind::kAccept, .socket = listening_, .accept_from = &from};
    socket_ = Run(accept).accepted();
  }
  void Say(std::string_view text) {
    Op send{.kind = OpKind::kSend, .socket = socket_, .send_data = text.data(), .size = text.size()};
    EXPECT_EQ(Run(send).result, static_cast<int64_t>(text.size()));
  }
  std::string Hear() {
    char bytes[100];
    Op recv{.kind = OpKind::kRecv, .socket = socket_, .recv_data = bytes, .size = sizeof bytes};
    return {bytes, static_cast<size_t>(Run(recv).result)};
  }
  void Close(Socket socket) {
    Op close;
    close.kind = OpKind::kClose;
    close.socket = socket;
    Run(close);
  }
  void Close() {
    Close(socket_);
    Close(listening_);
  }

 private:
  Op& Run(Op& op) {
    poller_->Start(op);
    for (std::vector<Op*> done; done.empty();) poller_->Wait(std::chrono::seconds(10), done);
    return op;
  }

  const std::unique_ptr<Poller> poller_ = MakeSystemPoller();
  const Socket listening_;
  Socket socket_;
};

// Listens, and does one thing with each who comes.
class DialogTest : public testing::Test {
 protected:
  DialogTest() {
    listening_ = SystemSockets().ListenOn(*SocketAddress::Parse("127.0.0.1:0"), 8).socket;
    address_ = SystemSockets().LocalAddress(listening_);
  }
  ~DialogTest() override {
    if (server_.joinable()) server_.join();
    SystemSockets().CloseNow(listening_);
  }
  template <typename Talk>
  void Serve(Talk talk) {
    server_ = std::thread([talk, copy = SystemSockets().Duplicate(listening_).socket] {
      Peer peer(copy);
      peer.Accept();
      talk(peer);
      peer.Close();
    });
  }

  Socket listening_;
  SocketAddress address_;
  std::thread server_;
};

TEST_F(DialogTest, SpeaksInLines) {
  Serve([](Peer& peer) {
    peer.Say("220-first\r\n220 sec");
    std::this_thread::sleep_for(milliseconds(20));
    peer.Say("ond\r\n");
    EXPECT_EQ(peer.Hear(), "HELP\r\n");
    peer.Say("214 bare\n");
  });
  absl::StatusOr<Dialog> dialog = Dialog::Connect(address_, In(std::chrono::seconds(5)));
  ASSERT_TRUE(dialog.ok()) << dialog.status();
  const MonotonicTime deadline = In(std::chrono::seconds(5));
  EXPECT_EQ(*dialog->ReadLine(deadline), "220-first");
  EXPECT_EQ(*dialog->ReadLine(deadline), "220 second");
  EXPECT_TRUE(dialog->Write("HELP\r\n", deadline).ok());
  EXPECT_EQ(*dialog->ReadLine(deadline), "214 bare");
  EXPECT_TRUE(absl::IsOutOfRange(dialog->ReadLine(deadline).status()));
}

TEST_F(DialogTest, WaitsNoLongerThanItMay) {
  absl::StatusOr<Dialog> dialog = Dialog::Connect(address_, In(std::chrono::seconds(5)));
  ASSERT_TRUE(dialog.ok());
  const MonotonicTime start = In(Duration::zero());
  EXPECT_TRUE(absl::IsDeadlineExceeded(dialog->ReadLine(In(milliseconds(50))).status()));
  EXPECT_GE(In(Duration::zero()) - start, milliseconds(45));
  EXPECT_LT(In(Duration::zero()) - start, std::chrono::seconds(5));
}

TEST_F(DialogTest, ALineWithoutAnEndIsCut) {
  Serve([](Peer& peer) { peer.Say(std::string(5000, 'x')); });
  absl::StatusOr<Dialog> dialog = Dialog::Connect(address_, In(std::chrono::seconds(5)));
  ASSERT_TRUE(dialog.ok());
  const absl::StatusOr<std::string> line = dialog->ReadLine(In(std::chrono::seconds(5)));
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(*line, std::string(2048, 'x'));
}

TEST_F(DialogTest, NobodyAnswersWhereNobodyListens) {
  SystemSockets().CloseNow(listening_);
  const absl::Status status = Dialog::Connect(address_, In(std::chrono::seconds(5))).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "refused")) << status;
  listening_ = SystemSockets().ListenOn(address_, 1).socket;
}

TEST_F(DialogTest, AGreetingIsReadAtAWildcardToo) {
  Serve([](Peer& peer) { peer.Say("220 here\r\n"); });
  SocketAddress wildcard = address_;
  EXPECT_EQ(ReadGreeting(address_, std::chrono::seconds(5)), "220 here");
  wildcard.ip = *IpAddress::Parse("0.0.0.0");
  server_.join();
  Serve([](Peer& peer) { peer.Say("220 again\r\n"); });
  EXPECT_EQ(ReadGreeting(wildcard, std::chrono::seconds(5)), "220 again");
}

TEST_F(DialogTest, ASilentServerHasNoGreeting) {
  const MonotonicTime start = In(Duration::zero());
  EXPECT_EQ(ReadGreeting(address_, milliseconds(60)), "");
  EXPECT_LT(In(Duration::zero()) - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace postern
