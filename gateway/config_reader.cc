#include "gateway/config_reader.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/domain_table.h"
#include "core/limits.h"
#include "gateway/config_codec.h"
#include "gateway/config_keys.h"
#include "gateway/config_mistakes.h"
#include "gateway/config_text.h"
#include "gateway/route_keys.h"
#include "gateway/route_reader.h"
#include "smtp/address.h"

namespace postern {
namespace {

// Reads one parsed file into a Config.
class FileReader {
 public:
  FileReader(Config& config, ConfigMistakes& mistakes) : config_(config), mistakes_(mistakes) {}

  void Read(const toml::table& root) {
    for (const auto& [name, node] : root) {
      if (IsSection(name.str())) {
        ReadSection(name, node);
      } else if (name.str() != kRouteSection) {
        ReadKey("", name, node);
      }
    }
    if (const toml::node* routes = root.get(kRouteSection)) ReadRoutes(*routes, config_, mistakes_);
    if (const toml::node* listen = root.get("listen")) CheckListen(*listen);
    CheckRouted(root);
    CheckRecipients(root);
  }

 private:
  static bool IsSection(std::string_view name) {
    return std::any_of(ConfigKeys().begin(), ConfigKeys().end(),
                       [name](const ConfigKey<Config>& key) { return !name.empty() && key.section == name; });
  }

  static std::string FullName(std::string_view section, std::string_view name) {
    return section.empty() ? VisibleText(name, kQuotedSizeMax)
                           : absl::StrCat(section, ".", VisibleText(name, kQuotedSizeMax));
  }

  void ReadSection(const toml::key& section, const toml::node& node) {
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      return mistakes_.Add(section.source(), absl::StrCat("key ", Quoted(section.str()), ": must be a section: [",
                                                          section.str(), "] on a line of its own, its keys below"));
    }
    for (const auto& [name, value] : *table) ReadKey(section.str(), name, value);
  }

  void ReadKey(std::string_view section, const toml::key& name, const toml::node& node) {
    for (const ConfigKey<Config>& key : ConfigKeys()) {
      if (key.section != section || key.name != name.str()) continue;
      const std::string subject = absl::StrCat("key \"", FullName(section, name.str()), "\": ");
      return key.read(node, config_,
                      [this, &subject](const toml::node& at, std::string_view value, std::string_view what) {
                        const std::string part = value.empty() ? "" : absl::StrCat(Quoted(value), ": ");
                        mistakes_.Add(at.source(), absl::StrCat(subject, part, what));
                      });
    }
    mistakes_.Add(name.source(), absl::StrCat("key \"", FullName(section, name.str()), "\": there is no such key",
                                              Suggestion(section, name.str())));
  }

  // "; did you mean ...?", by what is called alike here, or the same elsewhere.
  static std::string Suggestion(std::string_view section, std::string_view name) {
    std::vector<std::string_view> names;
    for (const ConfigKey<Config>& key : ConfigKeys()) {
      if (key.section == section) names.push_back(key.name);
      if (section.empty() && !key.section.empty()) names.push_back(key.section);
      if (key.name == name && key.section != section) {
        if (key.section.empty()) return "; it stands on top of the file, before the first [section]";
        return absl::StrCat("; it belongs into [", key.section, "]");
      }
    }
    if (section.empty()) names.push_back(kRouteSection);
    return DidYouMean(name, names);
  }

  // Two claims of ours must not exclude each other.
  void CheckListen(const toml::node& node) {
    const std::vector<SocketAddress>& listen = config_.listen;
    for (size_t i = 0; i < listen.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        const bool alike = listen[i].ip.family == listen[j].ip.family && listen[i].port == listen[j].port;
        const bool overlap = listen[i].ip == listen[j].ip || listen[i].ip.IsWildcard() || listen[j].ip.IsWildcard();
        if (!alike || !overlap || listen[i].port == 0) continue;
        mistakes_.Add(ItemAt(node, i).source(),
                      absl::StrCat("key \"listen\": ", Quoted(listen[i].ToString()), ": ", Quoted(listen[j].ToString()),
                                   " claims the same port already"));
        break;
      }
    }
  }

  // Mail that is taken from everybody, or that we send to our own people, must have somewhere to go. Without any route
  // there is a default for all.
  void CheckRouted(const toml::table& root) {
    if (config_.routes.empty()) return;
    DomainTable routed;
    for (const Route& route : config_.routes) routed.Add(route.match, 0).IgnoreError();
    const auto check = [&](const toml::node& at, std::string_view key, std::string_view value,
                           std::string_view domain) {
      if (routed.Find(domain).has_value()) return;
      mistakes_.Add(at.source(), absl::StrCat("key \"", key, "\": ", Quoted(value),
                                              ": no route takes its mail; add a [[route]] with domain = ",
                                              Quoted(domain), " or \"*\""));
    };
    if (const toml::node* domains = root.get("local_domains")) {
      for (size_t i = 0; i < config_.local_domains.size(); ++i) {
        const std::string& rule = config_.local_domains[i];
        check(ItemAt(*domains, i), "local_domains", rule, absl::StripPrefix(rule, "#"));
      }
    }
    const auto check_address = [&](std::string_view name, const std::string& address) {
      const toml::node_view<const toml::node> node = root["reports"][name];
      if (node && !address.empty()) check(*node.node(), absl::StrCat("reports.", name), address, DomainOf(address));
    };
    check_address("postmaster", config_.reports.postmaster);
    check_address("copy_to", config_.reports.copy_to);
  }

  // A message whose recipients fit no record could be taken, and nothing that becomes of them could be noted.
  void CheckRecipients(const toml::table& root) {
    const toml::node_view<const toml::node> recipients = root["limits"]["recipients"];
    if (!recipients) return;  // so many as there are by default fit the smallest segment
    const uint64_t room = config_.store.segment_size / 2;
    const uint64_t size = config_.limits.recipients * kRecipientRecordSizeMax;
    if (size <= room) return;
    const toml::node_view<const toml::node> segment_size = root["store"]["segment_size"];
    const std::string where =
        segment_size ? absl::StrCat("line ", segment_size.node()->source().begin.line) : "its default";
    mistakes_.Add(
        recipients.node()->source(),
        absl::StrCat("key \"limits.recipients\": the log may have to note ", RoundedUp(size),
                     " about so many in one record, which is more than half of store.segment_size (",
                     FormatSize(config_.store.segment_size), ", ", where, "): must be at most ",
                     room / kRecipientRecordSizeMax, ", or store.segment_size at least ", Quoted(RoundedUp(2 * size))));
  }

  static std::string RoundedUp(uint64_t size) { return absl::StrCat((size + kMiB - 1) / kMiB, "MiB"); }

  static constexpr uint64_t kMiB = 1 << 20;

  Config& config_;
  ConfigMistakes& mistakes_;
};

}  // namespace

std::vector<ConfigError> ReadConfig(const toml::table& root, std::string_view file, Config& config) {
  ConfigMistakes mistakes(file);
  FileReader(config, mistakes).Read(root);
  return mistakes.Take();
}

}  // namespace postern
