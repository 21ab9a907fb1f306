#include "gateway/config_values.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "gateway/domain_rule.h"
#include "net/program.h"
#include "net/socket.h"
#include "relay/ascii_domain.h"
#include "smtp/address.h"
#include "store/maildir.h"

namespace postern {
namespace {

absl::Status Wrong(std::string_view what) { return absl::InvalidArgumentError(what); }

bool IsPrintable(std::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

absl::StatusOr<HostPort> ReadHost(std::string_view text, uint16_t default_port) {
  absl::StatusOr<HostPort> host = ParseHostPort(text, default_port);
  if (!host.ok()) {
    // Its message names the text again, which the complaint does already.
    std::string_view what = host.status().message();
    absl::ConsumePrefix(&what, absl::StrCat("\"", text, "\": "));
    return Wrong(what);
  }
  if (!IpAddress::Parse(host->host).has_value()) {
    if (const std::string what = DomainMistake(host->host); !what.empty()) return Wrong(what);
    host->host = ToAsciiDomain(host->host).value_or(host->host);  // as DNS knows it
  }
  return host;
}

}  // namespace

absl::StatusOr<std::string> ReadHostname(std::string_view text) {
  if (text.empty()) return std::string();
  if (const std::string what = DomainMistake(text); !what.empty()) return Wrong(what);
  return std::string(text);
}

absl::StatusOr<std::string> ReadGreeting(std::string_view text) {
  constexpr size_t kGreetingSizeMax =
      200;  // with a hostname of 255 bytes it still is one reply line (RFC 5321 4.5.3.1.5)
  if (text.size() > kGreetingSizeMax) return Wrong(absl::StrCat("must be at most ", kGreetingSizeMax, " bytes"));
  if (!IsPrintable(text)) return Wrong("must be one line of printable ASCII");
  if (absl::StrReplaceAll(text, {{"{host}", ""}}).find_first_of("{}") != std::string::npos) {
    return Wrong("only {host} may stand in braces");
  }
  return std::string(text);
}

absl::StatusOr<std::string> ReadDataDir(std::string_view text) {
  constexpr size_t kDataDirSizeMax = 90;  // "/control.sock" behind it must fit into the address of a UNIX socket
  if (text.empty() || text.size() > kDataDirSizeMax) {
    return Wrong(absl::StrCat("must be a path of 1 to ", kDataDirSizeMax, " bytes, so that a socket can lie in it"));
  }
  if (text.find_first_of(std::string_view("{}\0", 3)) != std::string_view::npos) {
    return Wrong("must be a path without braces or NUL");
  }
  return std::string(text);
}

absl::StatusOr<std::string> ReadUser(std::string_view text) {
  if (!text.empty() && !CanBecomeUser()) {
    return Wrong(
        "a process keeps its account on this system: leave it out, and run the gateway or its service as that user");
  }
  for (const char c : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && std::string_view("_-.@$").find(c) == std::string::npos) {
      return Wrong("must be the name of a user, as \"postern\"");
    }
  }
  return std::string(text);
}

absl::StatusOr<SocketAddress> ReadListen(std::string_view text) {
  constexpr uint16_t kSmtpPort = 25;
  const std::optional<SocketAddress> address = SocketAddress::Parse(text, kSmtpPort);
  if (!address.has_value() || address->family() == AddressFamily::kUnix) {
    return Wrong("must be an IP address with a port of 0 to 65535, as \"192.0.2.1:25\" or \"[2001:db8::1]:25\"");
  }
  return *address;
}

absl::StatusOr<IpNetwork> ReadNetwork(std::string_view text) {
  const std::optional<IpNetwork> network = IpNetwork::Parse(text);
  if (!network.has_value())
    return Wrong("must be an IP network, as \"10.0.0.0/8\", \"2001:db8::/32\" or \"192.0.2.1\"");
  return *network;
}

absl::StatusOr<std::string> ReadLocalDomain(std::string_view text) {
  if (text == "*") return Wrong("mail for every domain from everybody would be an open relay; name the domains");
  if (const std::string what = DomainRuleMistake(text); !what.empty()) return Wrong(what);
  return std::string(text);
}

absl::StatusOr<std::string> ReadRouteDomain(std::string_view text) {
  if (text == "*") return std::string(text);
  if (const std::string what = DomainRuleMistake(text); !what.empty())
    return Wrong(absl::StrCat(what, ", or be \"*\""));
  return std::string(text);
}

absl::StatusOr<std::string> ReadMaildir(std::string_view text) {
  if (text.empty()) return Wrong("must be a path, as \"/var/mail/{domain}/{local}\"");
  if (!MaildirTemplate::Parse(text).ok()) {
    return Wrong("must be a path in which only {domain} and {local} stand in braces");
  }
  return std::string(text);
}

absl::StatusOr<HostPort> ReadNextHop(std::string_view text) { return ReadHost(text, kSmtpPort); }

absl::StatusOr<HostPort> ReadLmtpHost(std::string_view text) {
  if (absl::StartsWith(text, kUnixPrefix)) return Wrong("a socket stands alone, not in a list");
  return ReadHost(text, kLmtpPort);
}

absl::StatusOr<std::string> ReadUnixSocket(std::string_view text) {
  if (!SystemHasUnixSockets()) return Wrong("there are no UNIX sockets on this system: name HOST:PORT");
  constexpr size_t kSocketPathSizeMax = 107;  // what the address of a UNIX socket holds
  absl::ConsumePrefix(&text, kUnixPrefix);
  if (!absl::StartsWith(text, "/")) return Wrong("must be a whole path, as \"unix:/run/dovecot/lmtp\"");
  if (text.size() > kSocketPathSizeMax || text.find('\0') != std::string_view::npos) {
    return Wrong(absl::StrCat("the path must be at most ", kSocketPathSizeMax, " bytes, without NUL"));
  }
  return std::string(text);
}

absl::StatusOr<std::string> ReadRejectText(std::string_view text) {
  constexpr size_t kRejectTextSizeMax = 300;  // with its codes it is one line of a reply, and of a report
  if (text.empty() || text.size() > kRejectTextSizeMax || !IsPrintable(text)) {
    return Wrong(absl::StrCat("must be one line of 1 to ", kRejectTextSizeMax, " printable ASCII characters"));
  }
  return std::string(text);
}

absl::StatusOr<SocketAddress> ReadNameServer(std::string_view text) {
  constexpr uint16_t kDnsPort = 53;
  const std::optional<SocketAddress> address = SocketAddress::Parse(text, kDnsPort);
  if (!address.has_value() || address->family() == AddressFamily::kUnix || address->port == 0) {
    return Wrong("must be an IP address with a port of 1 to 65535, as \"192.0.2.53\" or \"[2001:db8::53]:5353\"");
  }
  return *address;
}

absl::StatusOr<std::string> ReadMailAddress(std::string_view text) {
  if (text.empty()) return std::string();
  const std::string path_text = absl::StrCat("<", text, ">");
  const ParsedPath parsed = ParseForwardPath(path_text);
  const bool whole = parsed.error == AddressError::kNone && parsed.size == path_text.size();
  if (!whole || parsed.path.domain.empty() || parsed.path.mailbox != text || !IsPrintable(text)) {
    return Wrong("must be an address in ASCII, as \"postmaster@example.org\"");
  }
  return std::string(text);
}

}  // namespace postern
