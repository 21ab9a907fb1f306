#include "gateway/port_diagnosis.h"

#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

SocketAddress At(std::string_view text) { return *SocketAddress::Parse(text); }

void ExpectIn(std::string_view part, const std::string& text) {
  EXPECT_TRUE(absl::StrContains(text, part)) << part << " is missing in:\n" << text;
}

PortHolder Exim() {
  return {.address = At("127.0.0.1:25"),
          .user = "Debian-exim",
          .pid = 4711,
          .program = "/usr/sbin/exim4",
          .command_line = "/usr/sbin/exim4 -bd -q30m",
          .unit = "exim4.service",
          .stop_command = "systemctl stop exim4.service"};
}

TEST(PortDiagnosis, TellsAllOfTheHolder) {
  const PortDiagnosis diagnosis{.address = At("0.0.0.0:25"),
                                .error = NetError::kAddressInUse,
                                .holders = {Exim()},
                                .greeting = "220 mail.example ESMTP Exim 4.96"};
  EXPECT_FALSE(diagnosis.free());
  EXPECT_EQ(diagnosis.ToString(),
            "0.0.0.0:25 (IPv4) is held by another program\n"
            "  holds       127.0.0.1:25\n"
            "  pid         4711\n"
            "  program     /usr/sbin/exim4\n"
            "  command     /usr/sbin/exim4 -bd -q30m\n"
            "  user        Debian-exim\n"
            "  unit        exim4.service\n"
            "  greeting    220 mail.example ESMTP Exim 4.96\n"
            "  to stop it  systemctl stop exim4.service\n");
}

TEST(PortDiagnosis, OneProgramOnSeveralAddressesIsStoppedOnce) {
  PortHolder second = Exim();
  second.address = At("192.0.2.1:25");
  const PortDiagnosis diagnosis{
      .address = At("0.0.0.0:25"), .error = NetError::kAddressInUse, .holders = {Exim(), second}};
  const std::string text = diagnosis.ToString();
  ExpectIn("192.0.2.1:25", text);
  EXPECT_EQ(text.find("to stop it"), text.rfind("to stop it"));
}

TEST(PortDiagnosis, APosternIsKnownByItsProgramOnEitherSystem) {
  constexpr std::string_view kNote = "that is a Postern; ";
  PortHolder holder = Exim();
  for (const char* program : {"/usr/bin/postern", "C:\\Postern\\postern.exe", "C:\\POSTERN\\Postern.EXE"}) {
    holder.program = program;
    ExpectIn(
        kNote,
        PortDiagnosis{.address = At("0.0.0.0:25"), .error = NetError::kAddressInUse, .holders = {holder}}.ToString());
  }
  for (const char* program : {"/usr/bin/no-postern", "/usr/bin/POSTERN", "C:\\no-postern.exe"}) {
    holder.program = program;
    const PortDiagnosis diagnosis{.address = At("0.0.0.0:25"), .error = NetError::kAddressInUse, .holders = {holder}};
    EXPECT_FALSE(absl::StrContains(diagnosis.ToString(), kNote)) << program;
  }
}

TEST(PortDiagnosis, ForeignTextCannotHarmATerminal) {
  PortHolder evil = Exim();
  evil.command_line = "holder \x1b[2J\nfalse line";
  const PortDiagnosis diagnosis{.address = At("[::]:25"),
                                .error = NetError::kAddressInUse,
                                .holders = {evil},
                                .greeting = "220 \x07" + std::string(5000, 'x')};
  const std::string text = diagnosis.ToString();
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
  EXPECT_FALSE(absl::StrContains(text, "\nfalse line"));
  EXPECT_LT(text.size(), 1500u);
}

TEST(PortDiagnosis, AFreePortIsFree) {
  const PortDiagnosis diagnosis = ExaminePort(SystemSockets(), At("127.0.0.1:0"));
  EXPECT_TRUE(diagnosis.free());
  EXPECT_EQ(diagnosis.ToString(), "127.0.0.1:0 (IPv4) is free\n");
}

}  // namespace
}  // namespace postern
