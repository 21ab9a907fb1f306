#include "gateway/command_probe.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gateway/control_client.h"
#include "gateway/exit_code.h"
#include "gateway/mail_product.h"
#include "gateway/visible_text.h"
#include "net/address.h"
#include "net/dialog.h"
#include "net/host.h"
#include "net/name_lookup.h"

namespace postern {
namespace {

constexpr uint16_t kSmtpPort = 25;
constexpr Duration kConnectTimeMax = std::chrono::seconds(5);
constexpr Duration kReplyTimeMax = std::chrono::seconds(10);
constexpr size_t kAddressCountMax = 4;

MonotonicTime In(Duration time) { return SystemClock().Monotonic() + time; }

// Host and port of "HOST", "HOST:PORT", "ADDRESS" or "[ADDRESS]:PORT"; the addresses of the host. Empty: none.
absl::StatusOr<std::vector<SocketAddress>> AddressesOf(const std::string& target) {
  if (const std::optional<SocketAddress> literal = SocketAddress::Parse(target, kSmtpPort); literal)
    return {{*literal}};
  const std::pair<std::string, std::string> parts = absl::StrSplit(target, absl::MaxSplits(':', 1));
  // The port is read as that of an address, which is the same everywhere.
  const std::string port = absl::StrCat("0.0.0.0:", absl::StrContains(target, ':') ? parts.second : "25");
  const std::optional<SocketAddress> any = SocketAddress::Parse(port);
  if (!any) return absl::InvalidArgumentError("the port must be 1 to 65535");
  const absl::StatusOr<std::vector<std::string>> texts = LookUpName(parts.first, kAddressCountMax);
  if (!texts.ok()) return texts.status();
  std::vector<SocketAddress> addresses;
  for (const std::string& text : *texts) {
    if (const auto ip = IpAddress::Parse(text); ip) addresses.push_back({.ip = *ip, .port = any->port, .path = {}});
  }
  return addresses;
}

// The dialog, told line by line as it goes on.
class Probing {
 public:
  Probing(Dialog dialog, std::string& out) : dialog_(std::move(dialog)), out_(out) {}

  // A whole reply (RFC 5321 4.2.1), or what came of it.
  std::string ReadReply() {
    std::string reply;
    for (;;) {
      const absl::StatusOr<std::string> line = dialog_.ReadLine(In(kReplyTimeMax));
      if (!line.ok()) {
        absl::StrAppend(&out_, "  (", line.status().message(), ")\n");
        return reply;
      }
      Tell("< ", *line);
      absl::StrAppend(&reply, *line, "\n");
      if (line->size() < 4 || (*line)[3] != '-' || reply.size() > kBlockSize) return reply;
    }
  }

  std::string Ask(std::string_view command) {
    Tell("> ", command);
    if (!dialog_.Write(absl::StrCat(command, "\r\n"), In(kReplyTimeMax)).ok()) return "";
    return ReadReply();
  }

 private:
  void Tell(std::string_view mark, std::string_view line) {
    absl::StrAppend(&out_, "  ", mark, VisibleText(line, kReplyLineSizeMax), "\n");
  }

  Dialog dialog_;
  std::string& out_;
};

// Whether it is the gateway of this configuration that said `help`.
std::string Compare(std::string_view product, std::string_view help, const LocalIdentity& local_identity) {
  const absl::StatusOr<std::string> identity = local_identity();
  if (identity.ok() && !identity->empty() && absl::StrContains(help, *identity)) {
    return "It is this gateway: its HELP names the one that runs here.\n";
  }
  if (absl::IsFailedPrecondition(identity.status())) {
    return absl::StrCat("It is another's: ", identity.status().message(), ".\n");
  }
  if (!identity.ok()) {
    return absl::StrCat("No gateway of this configuration was found running here, so it is another's: ",
                        identity.status().message(), "\n");
  }
  return absl::StrCat("It is NOT the gateway that runs here", product == "Postern" ? ", but another Postern" : "",
                      ": the port leads elsewhere, or another program has it (see `postern doctor`).\n");
}

}  // namespace

int Probe(const std::string& target, const LocalIdentity& local_identity, std::string& out) {
  const absl::StatusOr<std::vector<SocketAddress>> addresses = AddressesOf(target);
  if (!addresses.ok()) {
    absl::StrAppend(&out, target, ": ", addresses.status().message(), "\n");
    return absl::IsInvalidArgument(addresses.status()) ? kExitUsage : kExitUnavailable;
  }
  for (const SocketAddress& address : *addresses) {
    absl::StatusOr<Dialog> dialog = Dialog::Connect(address, In(kConnectTimeMax));
    if (!dialog.ok()) {
      absl::StrAppend(&out, address.ToString(), ": nobody answers: ", dialog.status().message(), "\n");
      continue;
    }
    absl::StrAppend(&out, address.ToString(), ": connected\n");
    Probing probing(*std::move(dialog), out);
    const std::string greeting = probing.ReadReply();
    if (greeting.empty()) {
      absl::StrAppend(&out, "It says nothing: it is no mail server, or one that does not want to be one for us.\n");
      return kExitUnavailable;
    }
    const std::string ehlo = probing.Ask(absl::StrCat("EHLO ", HostName()));
    const std::string help = ehlo.empty() ? "" : probing.Ask("HELP");
    if (!help.empty()) probing.Ask("QUIT");
    const std::string_view product = MailProductOf(greeting, ehlo, help);
    absl::StrAppend(&out, "Product: ", product.empty() ? "unknown" : product, "\n",
                    Compare(product, help, local_identity));
    return kExitOk;
  }
  return kExitUnavailable;
}

int RunProbe(const Config& config, const std::string& target) {
  std::string out;
  const auto local_identity = [&config]() -> absl::StatusOr<std::string> {
    if (ListenAddresses(config).empty()) {
      return absl::FailedPreconditionError(
          "the gateway of this configuration listens on nothing (transfer = \"flush\")");
    }
    const SystemClock clock;
    absl::StatusOr<std::unique_ptr<ControlClient>> client = ControlClient::Connect(config.control_socket(), clock);
    if (!client.ok()) return client.status();
    absl::StatusOr<GatewayStatus> status = (*client)->Status();
    if (!status.ok()) return status.status();
    return status->identity;
  };
  const int code = Probe(target, local_identity, out);
  std::fwrite(out.data(), 1, out.size(), stdout);
  return code;
}

}  // namespace postern
