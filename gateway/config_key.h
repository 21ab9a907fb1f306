// ConfigKey is one key of the configuration: what it is called, what it takes, where its value goes, what it means.
//
// The tables of config_keys.cc and route_keys.cc are made of them, once, and never change; any thread may read them.
// Key() puts one together from a codec and a place: a function that finds the value in what holds it.

#ifndef POSTERN_GATEWAY_CONFIG_KEY_H_
#define POSTERN_GATEWAY_CONFIG_KEY_H_

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/config_codec.h"
#include "gateway/toml.h"
#include "relay/retry_policy.h"

namespace postern {

// `Target` is what holds the value: the Config, or a Route for the keys of [[route]].
template <typename Target>
struct ConfigKey {
  std::string_view section;  // "limits"; empty for those on top
  std::string_view name;
  std::string_view standard{};  // what stands for the default in the documentation, when it is no plain value
  std::string type{};           // for people: "duration, 1ms to 7d"
  std::string_view example{};
  std::string_view about{};
  std::function<void(const toml::node& node, Target& target, Complain complain)> read{};
  std::function<std::string(const Target& target)> show{};  // as TOML
};

template <typename Target, typename V>
auto At(V Target::*member) {
  return [member](auto& target) -> auto& { return target.*member; };
}
template <typename Outer, typename Inner, typename V>
auto At(Inner Outer::*inner, V Inner::*member) {
  return [ inner, member ](auto& target) -> auto& { return (target.*inner).*member; };
}
template <typename Outer, typename Middle, typename Inner, typename V>
auto At(Middle Outer::*middle, Inner Middle::*inner, V Inner::*member) {
  return [ middle, inner, member ](auto& target) -> auto& { return ((target.*middle).*inner).*member; };
}

template <typename Target, typename Place, typename V>
ConfigKey<Target> Key(std::string_view section, std::string_view name, Place place, Codec<V> codec,
                      std::string_view example, std::string_view about) {
  return {
      .section = section,
      .name = name,
      .type = codec.type,
      .example = example,
      .about = about,
      .read = [place, read = std::move(codec.read)](const toml::node& node, Target& target,
                                                    Complain complain) { read(node, place(target), complain); },
      .show = [place, show = std::move(codec.show)](const Target& target) { return show(place(target)); },
  };
}

// The schedule, which a route may have of its own: `policy` finds it in the target.
template <typename Target, typename Place>
std::vector<ConfigKey<Target>> RetryKeys(std::string_view section, Place policy) {
  using std::chrono::hours;
  constexpr Duration kDay = hours(24);
  const auto in = [policy](auto member) {
    return [ policy, member ](auto& target) -> auto& { return policy(target).*member; };
  };
  const auto key = [section](auto... parts) { return Key<Target>(section, parts...); };
  const Codec<Duration> expiry = Time(std::chrono::seconds(1), 365 * kDay);
  return {
      key("retry", in(&RetryPolicy::intervals), ListOf(Time(std::chrono::milliseconds(1), 30 * kDay), 1),
          R"(["5m", "1h"])", "How long to wait after the first, second, ... failure; the last one repeats."),
      key("expiry", in(&RetryPolicy::expiry), expiry, R"("5d")",
          "How old a message may become; then the recipients it has not reached have failed."),
      key("expiry_urgent", in(&RetryPolicy::expiry_urgent), expiry, R"("12h")",
          "The same of a message whose Priority: or X-Priority: line says that it is urgent."),
      key("expiry_non_urgent", in(&RetryPolicy::expiry_non_urgent), expiry, R"("7d")",
          "The same of one that is not urgent."),
      key("by_priority", in(&RetryPolicy::by_priority), Flag(), "false",
          "Whether those lines count. Otherwise every message has the same expiry."),
      key("delay_notice", in(&RetryPolicy::delay_notice), Time(Duration::zero(), 365 * kDay), R"("4h")",
          "How old a message becomes before its sender is told, once, that it is late. 0ms: never."),
  };
}

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONFIG_KEY_H_
