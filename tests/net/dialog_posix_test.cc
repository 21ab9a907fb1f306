#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "net/dialog.h"
#include "net/socket.h"

namespace postern {
namespace {

using std::chrono::milliseconds;

MonotonicTime In(Duration time) { return SystemClock().Monotonic() + time; }

// Listens, and does one thing with the first who comes.
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
    server_ = std::thread([this, talk] {
      int fd = -1;
      while (fd < 0) {
        fd = accept(static_cast<int>(listening_.handle), nullptr, nullptr);
        if (fd < 0) std::this_thread::sleep_for(milliseconds(1));
      }
      talk(fd);
      close(fd);
    });
  }
  static void Say(int fd, std::string_view text) {
    EXPECT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }

  Socket listening_;
  SocketAddress address_;
  std::thread server_;
};

TEST_F(DialogTest, SpeaksInLines) {
  Serve([](int fd) {
    Say(fd, "220-first\r\n220 sec");
    std::this_thread::sleep_for(milliseconds(20));
    Say(fd, "ond\r\n");
    char question[100] = {};
    EXPECT_GT(recv(fd, question, sizeof question, 0), 0);
    EXPECT_STREQ(question, "HELP\r\n");
    Say(fd, "214 bare\n");
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
  Serve([](int fd) { Say(fd, std::string(5000, 'x')); });
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
  EXPECT_EQ(status.message(), "Connection refused");
  listening_ = SystemSockets().ListenOn(address_, 1).socket;
}

TEST_F(DialogTest, AGreetingIsReadAtAWildcardToo) {
  Serve([](int fd) { Say(fd, "220 here\r\n"); });
  SocketAddress wildcard = address_;
  EXPECT_EQ(ReadGreeting(address_, std::chrono::seconds(5)), "220 here");
  wildcard.ip = *IpAddress::Parse("0.0.0.0");
  server_.join();
  Serve([](int fd) { Say(fd, "220 again\r\n"); });
  EXPECT_EQ(ReadGreeting(wildcard, std::chrono::seconds(5)), "220 again");
}

TEST_F(DialogTest, ASilentServerHasNoGreeting) {
  const MonotonicTime start = In(Duration::zero());
  EXPECT_EQ(ReadGreeting(address_, milliseconds(60)), "");
  EXPECT_LT(In(Duration::zero()) - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace postern
