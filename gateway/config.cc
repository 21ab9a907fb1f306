#include "gateway/config.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/config_reader.h"
#include "gateway/file_path.h"
#include "gateway/toml.h"
#include "gateway/visible_text.h"
#include "net/host.h"
#include "net/program.h"

namespace postern {
namespace {

constexpr size_t kFileSizeMax = 1 << 20;  // more is another kind of file, given by mistake

// What only the machine or the other keys can say.
void FillIn(Config& config) {
  if (config.hostname.empty()) config.hostname = HostName();
  if (config.routes.empty()) {
    config.routes.push_back({.match = "*",
                             .kind = RouteKind::kMaildir,
                             .maildir = config.data_dir + "/mail/{domain}/{local}",
                             .retry = config.relay.retry});
  }
  if (config.reports.postmaster.empty()) config.reports.postmaster = absl::StrCat("postmaster@", config.hostname);
}

}  // namespace

const char* ToText(TransferMode mode) {
  switch (mode) {
    case TransferMode::kBoth: return "both";
    case TransferMode::kInbound: return "inbound";
    case TransferMode::kOutbound: return "outbound";
    case TransferMode::kFlush: return "flush";
  }
  return "";
}

bool DeliversNow(TransferMode mode, RouteKind kind) {
  return mode != TransferMode::kInbound || (kind != RouteKind::kMx && kind != RouteKind::kNextHop);
}

const std::vector<SocketAddress>& ListenAddresses(const Config& config) {
  static const std::vector<SocketAddress> kNone;
  return config.transfer == TransferMode::kFlush ? kNone : config.listen;
}

std::string ConfigError::ToString() const {
  return line == 0 ? absl::StrCat(file, ": ", text) : absl::StrCat(file, ":", line, ": ", text);
}

Config FileDefaults() {
  Config config;
  config.listen = {*SocketAddress::Parse("0.0.0.0:25"), *SocketAddress::Parse("[::]:25")};
  config.data_dir = DefaultDataDir();
  config.trusted_networks = {*IpNetwork::Parse("127.0.0.0/8"), *IpNetwork::Parse("::1/128")};
  return config;
}

Config DefaultConfig() {
  Config config = FileDefaults();
  config.listen = {*SocketAddress::Parse("127.0.0.1:2525")};
  config.data_dir = "./var";
  FillIn(config);
  return config;
}

std::vector<ConfigError> ParseConfig(std::string_view text, std::string_view file, Config& config) {
  config = FileDefaults();
  config.file = file;
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return {{.file = config.file,
             .line = error.source().begin.line,
             .text = absl::StrCat("not TOML: ", VisibleText(error.description()))}};
  }
  std::vector<ConfigError> errors = ReadConfig(parsed.table(), file, config);
  FillIn(config);
  return errors;
}

std::vector<ConfigError> LoadConfig(const std::string& path, Config& config) {
  const auto unreadable = [&path](std::string_view what) {
    return std::vector<ConfigError>{{.file = path, .line = 0, .text = std::string(what)}};
  };
  std::error_code error;
  const auto type = std::filesystem::status(FilePath(path), error).type();
  if (type == std::filesystem::file_type::not_found) return unreadable("there is no such file");
  if (type == std::filesystem::file_type::directory) return unreadable("is a folder, not a configuration");
  std::ifstream file(FilePath(path), std::ios::binary);
  if (!file) return unreadable("cannot be opened: it takes the right to read it");
  std::string text(kFileSizeMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(file.gcount());
  if (file.bad()) return unreadable("cannot be read");
  if (text.size() > kFileSizeMax) return unreadable("is larger than 1 MiB: this cannot be a configuration");
  return ParseConfig(text, path, config);
}

}  // namespace postern
