#include "gateway/config_reader.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/domain_table.h"
#include "gateway/config_codec.h"
#include "gateway/config_keys.h"
#include "gateway/config_text.h"
#include "gateway/visible_text.h"

namespace postern {
namespace {

constexpr size_t kQuotedSizeMax = 80;   // of a file's own words in a message
constexpr size_t kErrorCountMax = 100;  // nobody reads more

std::string Quoted(std::string_view text) { return absl::StrCat("\"", VisibleText(text, kQuotedSizeMax), "\""); }

// Reads one parsed file into a Config, and collects what is wrong with it.
class FileReader {
 public:
  FileReader(std::string_view file, Config& config, std::vector<ConfigError>& errors)
      : file_(file), config_(config), errors_(errors) {}

  void Read(const toml::table& root) {
    for (const auto& [name, node] : root) {
      if (name.str() == kRouteSection) {
        ReadRoutes(node);
      } else if (IsSection(name.str())) {
        ReadSection(name, node);
      } else {
        ReadKey("", name, node);
      }
    }
    if (const toml::node* listen = root.get("listen")) CheckListen(*listen);
    CheckLoops();
    if (const toml::node* domains = root.get("local_domains")) CheckLocalDomains(*domains);
  }

 private:
  // What has to be looked at again when everything else is known.
  struct NextHopNode {
    const toml::node* node;
    std::string match;
    HostPort next_hop;
  };

  void Add(const toml::source_region& where, std::string text) {
    if (errors_.size() < kErrorCountMax) {
      errors_.push_back({.file = std::string(file_), .line = where.begin.line, .text = std::move(text)});
    }
  }

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
      return Add(section.source(), absl::StrCat("key ", Quoted(section.str()), ": must be a section: [", section.str(),
                                                "] on a line of its own, its keys below"));
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
                        Add(at.source(), absl::StrCat(subject, part, what));
                      });
    }
    Add(name.source(), absl::StrCat("key \"", FullName(section, name.str()), "\": there is no such key",
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
    return DidYouMean(NearestWord(name, names));
  }

  static std::string DidYouMean(std::string_view word) {
    return word.empty() ? "" : absl::StrCat("; did you mean \"", word, "\"?");
  }

  void ReadRoutes(const toml::node& node) {
    const toml::array* array = node.as_array();
    config_.routes.clear();
    if (array == nullptr) {
      return Add(node.source(), "key \"route\": must be a list of tables: write [[route]] instead of [route]");
    }
    for (const toml::node& item : *array) {
      if (const toml::table* table = item.as_table()) {
        ReadRoute(*table);
      } else {
        Add(item.source(), "key \"route\": must be a list of tables: write [[route]] on a line of its own for each");
      }
    }
    if (array->empty()) Add(node.source(), "key \"route\": is empty; leave it out to have a Maildir for everybody");
  }

  void ReadRoute(const toml::table& table) {
    const toml::node* domain = table.get("domain");
    const std::string shown =
        domain != nullptr && domain->is_string() ? absl::StrCat(" ", Quoted(domain->as_string()->get())) : "";
    const std::string subject = absl::StrCat("route", shown, ": ");
    Route route;
    const size_t error_count = errors_.size();
    for (const auto& [name, node] : table) {
      if (!ReadRouteKey(subject, name, node, route)) {
        std::vector<std::string_view> names;
        for (const ConfigKey<Route>& key : RouteKeys()) names.push_back(key.name);
        Add(name.source(), absl::StrCat(subject, "key ", Quoted(name.str()), ": there is no such key",
                                        DidYouMean(NearestWord(name.str(), names))));
      }
    }
    if (domain == nullptr) Add(table.source(), absl::StrCat(subject, "the domain is missing, as domain = \"*\""));
    const bool has_maildir = table.contains("maildir");
    const bool has_next_hop = table.contains("next_hop");
    if (has_maildir == has_next_hop) {
      Add(table.source(), absl::StrCat(subject, has_maildir ? "has two ways" : "has no way",
                                       ": exactly one of maildir and next_hop must be given"));
    }
    if (errors_.size() != error_count) return;
    CheckTwice(subject, table, route);
    route.kind = has_maildir ? RouteKind::kMaildir : RouteKind::kNextHop;
    NoteNextHops(table, route);
    config_.routes.push_back(std::move(route));
  }

  bool ReadRouteKey(const std::string& subject, const toml::key& name, const toml::node& node, Route& route) {
    for (const ConfigKey<Route>& key : RouteKeys()) {
      if (key.name != name.str()) continue;
      key.read(node, route, [&](const toml::node& at, std::string_view value, std::string_view what) {
        const std::string part = value.empty() ? "" : absl::StrCat(" ", Quoted(value));
        Add(at.source(), absl::StrCat(subject, key.name, part, ": ", what));
      });
      return true;
    }
    return false;
  }

  void CheckTwice(const std::string& subject, const toml::table& table, const Route& route) {
    const uint32_t line = table.source().begin.line;
    const auto [first, is_new] = route_lines_.emplace(absl::AsciiStrToLower(route.match), line);
    if (!is_new)
      Add(table.source(), absl::StrCat(subject, "there is one for this domain already, in line ", first->second));
  }

  // A list of one may stand without its brackets.
  static const toml::node& ItemAt(const toml::node& node, size_t index) {
    return node.is_array() ? *node.as_array()->get(index) : node;
  }

  void NoteNextHops(const toml::table& table, const Route& route) {
    const toml::node* node = table.get("next_hop");
    for (size_t i = 0; i < route.next_hops.size(); ++i) {
      next_hop_nodes_.push_back({.node = &ItemAt(*node, i), .match = route.match, .next_hop = route.next_hops[i]});
    }
  }

  // Two claims of ours must not exclude each other.
  void CheckListen(const toml::node& node) {
    const std::vector<SocketAddress>& listen = config_.listen;
    for (size_t i = 0; i < listen.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        const bool alike = listen[i].ip.family == listen[j].ip.family && listen[i].port == listen[j].port;
        const bool overlap = listen[i].ip == listen[j].ip || listen[i].ip.IsWildcard() || listen[j].ip.IsWildcard();
        if (!alike || !overlap || listen[i].port == 0) continue;
        Add(ItemAt(node, i).source(), absl::StrCat("key \"listen\": ", Quoted(listen[i].ToString()), ": ",
                                                   Quoted(listen[j].ToString()), " claims the same port already"));
        break;
      }
    }
  }

  // A next hop that is this gateway would get every message back for ever.
  void CheckLoops() {
    for (const NextHopNode& hop : next_hop_nodes_) {
      for (const SocketAddress& own : config_.listen) {
        if (hop.next_hop.port != own.port || !IsOurs(hop.next_hop.host, own.ip)) continue;
        Add(hop.node->source(),
            absl::StrCat("route ", Quoted(hop.match), ": next_hop ", Quoted(hop.next_hop.ToString()),
                         ": this is the gateway itself, which listens on ", own.ToString(),
                         "; mail would go round for ever"));
        break;
      }
    }
  }

  // Mail that is taken from everybody must have somewhere to go. Without any route there is a default for all.
  void CheckLocalDomains(const toml::node& node) {
    if (config_.routes.empty()) return;
    DomainTable routed;
    for (const Route& route : config_.routes) routed.Add(route.match, 0).IgnoreError();
    for (size_t i = 0; i < config_.local_domains.size(); ++i) {
      const std::string_view domain = absl::StripPrefix(config_.local_domains[i], "#");
      if (routed.Find(domain).has_value()) continue;
      Add(ItemAt(node, i).source(),
          absl::StrCat("key \"local_domains\": ", Quoted(config_.local_domains[i]),
                       ": no route takes its mail; add a [[route]] with domain = ", Quoted(domain), " or \"*\""));
    }
  }

  bool IsOurs(std::string_view host, const IpAddress& own) const {
    const bool own_loopback = IsLoopback(own);
    if (const std::optional<IpAddress> ip = IpAddress::Parse(host)) {
      return *ip == own || (own.IsWildcard() && own.family == ip->family && IsLoopback(*ip));
    }
    const std::string name = absl::AsciiStrToLower(host);
    if (name == "localhost") return own.IsWildcard() || own_loopback;
    return name == absl::AsciiStrToLower(config_.hostname) && !own_loopback;
  }

  static bool IsLoopback(const IpAddress& ip) {
    static const IpNetwork v4 = *IpNetwork::Parse("127.0.0.0/8");
    static const IpNetwork v6 = *IpNetwork::Parse("::1");
    return v4.Contains(ip) || v6.Contains(ip);
  }

  const std::string_view file_;
  Config& config_;
  std::vector<ConfigError>& errors_;
  std::map<std::string, uint32_t> route_lines_;  // by what they match
  std::vector<NextHopNode> next_hop_nodes_;
};

}  // namespace

std::vector<ConfigError> ReadConfig(const toml::table& root, std::string_view file, Config& config) {
  std::vector<ConfigError> errors;
  FileReader(file, config, errors).Read(root);
  std::stable_sort(errors.begin(), errors.end(),
                   [](const ConfigError& a, const ConfigError& b) { return a.line < b.line; });
  return errors;
}

}  // namespace postern
