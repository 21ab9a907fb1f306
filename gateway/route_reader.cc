#include "gateway/route_reader.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gateway/own_address.h"
#include "gateway/route_keys.h"

namespace postern {
namespace {

// "mx, next_hop, lmtp, maildir, reject and discard"
std::string WayNames() {
  std::vector<std::string_view> names;
  for (const RouteKey& key : RouteKeys()) {
    if (key.way.has_value()) names.push_back(key.key.name);
  }
  std::string list;
  for (size_t i = 0; i < names.size(); ++i) {
    absl::StrAppend(&list, i == 0 ? "" : i + 1 == names.size() ? " and " : ", ", names[i]);
  }
  return list;
}

class RouteReader {
 public:
  RouteReader(Config& config, ConfigMistakes& mistakes) : config_(config), mistakes_(mistakes) {}

  void ReadRoute(const toml::table& table) {
    const toml::node* domain = table.get("domain");
    const std::string shown =
        domain != nullptr && domain->is_string() ? absl::StrCat(" ", Quoted(domain->as_string()->get())) : "";
    const std::string subject = absl::StrCat("route", shown, ": ");
    Route route{.retry = config_.relay.retry, .line = table.source().begin.line};
    const size_t mistake_count = mistakes_.count();
    if (domain == nullptr) {
      mistakes_.Add(table.source(), absl::StrCat(subject, "the domain is missing, as domain = \"*\""));
    }
    std::vector<const RouteKey*> ways;
    for (const auto& [name, node] : table) {
      const RouteKey* key = FindKey(name.str());
      if (key == nullptr) {
        TellUnknown(subject, name);
        continue;
      }
      ReadKey(subject, *key, node, route);
      if (!key->way.has_value()) continue;
      ways.push_back(key);
      route.way_line = node.source().begin.line;
    }
    if (ways.size() == 1) {
      route.kind = *ways.front()->way;
      CheckKeys(subject, table, *ways.front());
    } else {
      mistakes_.Add(table.source(), absl::StrCat(subject, ways.empty() ? "has no way" : "has more than one way",
                                                 ": exactly one of ", WayNames(), " must be given"));
    }
    if (mistakes_.count() != mistake_count) return;
    CheckTwice(subject, table, route);
    CheckLoop(subject, table, *ways.front(), route);
    config_.routes.push_back(std::move(route));
  }

 private:
  static const RouteKey* FindKey(std::string_view name) {
    for (const RouteKey& key : RouteKeys()) {
      if (key.key.name == name) return &key;
    }
    return nullptr;
  }

  void TellUnknown(const std::string& subject, const toml::key& name) {
    std::vector<std::string_view> names;
    for (const RouteKey& key : RouteKeys()) names.push_back(key.key.name);
    mistakes_.Add(name.source(), absl::StrCat(subject, "key ", Quoted(name.str()), ": there is no such key",
                                              DidYouMean(name.str(), names)));
  }

  void ReadKey(const std::string& subject, const RouteKey& key, const toml::node& node, Route& route) {
    key.key.read(node, route, [&](const toml::node& at, std::string_view value, std::string_view what) {
      const std::string part = value.empty() ? "" : absl::StrCat(" ", Quoted(value));
      mistakes_.Add(at.source(), absl::StrCat(subject, key.key.name, part, ": ", what));
    });
  }

  // Whoever writes a key believes that it does something.
  void CheckKeys(const std::string& subject, const toml::table& table, const RouteKey& way) {
    for (const auto& [name, node] : table) {
      const RouteKey* key = FindKey(name.str());
      if (key == nullptr || key->Suits(*way.way)) continue;
      mistakes_.Add(name.source(), absl::StrCat(subject, "key ", Quoted(name.str()), ": has no meaning for a route of ",
                                                way.key.name, "; leave it out"));
    }
  }

  void CheckTwice(const std::string& subject, const toml::table& table, const Route& route) {
    const auto [first, is_new] = lines_.emplace(absl::AsciiStrToLower(route.match), route.line);
    if (is_new) return;
    mistakes_.Add(table.source(),
                  absl::StrCat(subject, "there is one for this domain already, in line ", first->second));
  }

  // A host that is this gateway would get every message back for ever.
  void CheckLoop(const std::string& subject, const toml::table& table, const RouteKey& way, const Route& route) {
    for (size_t i = 0; i < route.next_hops.size(); ++i) {
      const std::optional<SocketAddress> own = OwnAddress(route.next_hops[i], config_);
      if (!own.has_value()) continue;
      mistakes_.Add(ItemAt(*table.get(way.key.name), i).source(),
                    absl::StrCat(subject, way.key.name, " ", Quoted(route.next_hops[i].ToString()),
                                 ": this is the gateway itself, which listens on ", own->ToString(),
                                 "; mail would go round for ever"));
    }
  }

  Config& config_;
  ConfigMistakes& mistakes_;
  std::map<std::string, uint32_t> lines_;  // by what they match
};

}  // namespace

void ReadRoutes(const toml::node& node, Config& config, ConfigMistakes& mistakes) {
  config.routes.clear();
  const toml::array* array = node.as_array();
  if (array == nullptr) {
    return mistakes.Add(node.source(), "key \"route\": must be a list of tables: write [[route]] instead of [route]");
  }
  RouteReader reader(config, mistakes);
  for (const toml::node& item : *array) {
    if (const toml::table* table = item.as_table()) {
      reader.ReadRoute(*table);
    } else {
      mistakes.Add(item.source(),
                   "key \"route\": must be a list of tables: write [[route]] on a line of its own for each");
    }
  }
  if (array->empty()) {
    mistakes.Add(node.source(), "key \"route\": is empty; leave it out to have a Maildir for everybody");
  }
}

}  // namespace postern
