// DestinationBook names destinations: whatever has a queue of its own, which is a route, or a domain behind an mx
// route.
//
// The relay owns one, and so does a queue command when no gateway runs; it is used on its owner's thread. Its indices
// are what QueuedRecipient::destination holds. Those of routes are there for good; a domain's comes with its first
// recipient, and its owner removes it when nothing waits for it any more.

#ifndef POSTERN_RELAY_DESTINATION_BOOK_H_
#define POSTERN_RELAY_DESTINATION_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "relay/route.h"

namespace postern {

class DestinationBook {
 public:
  static constexpr uint32_t kNoRoute = UINT32_MAX;

  struct Entry {
    // As the operator sees and types it, unlike all others: of an mx route the domain ("example.org"), of any other the
    // route's match ("internal.example", "#host.example", "*"), "dead-letters", "no-route". Lower case.
    std::string name{};
    uint32_t route = kNoRoute;  // index in the RouteTable
    std::string domain{};       // of an mx route; lower case, without a final dot
    bool used = false;          // false: a free slot
  };

  // `routes` outlives the book. `hostname` is the domain of a recipient that has none: postmaster.
  DestinationBook(const RouteTable& routes, std::string hostname);

  // The destination of a recipient; makes it when it is the first of its domain. An index may be one that was removed.
  uint32_t Find(std::string_view address);
  // Case and a final dot do not matter.
  std::optional<uint32_t> FindName(std::string_view name) const;
  // Names that look like one that is not there, for the error that says so; at most `count_max`.
  std::vector<std::string> NamesLike(std::string_view name, size_t count_max) const;

  // Below count(), which does not shrink; its free slots are not `used`.
  const Entry& entry(uint32_t destination) const { return entries_[destination]; }
  uint32_t count() const { return static_cast<uint32_t>(entries_.size()); }
  // Of an mx route; nobody may hold the index any more.
  void Remove(uint32_t destination);

  uint32_t dead_letters() const { return 0; }  // what can neither be delivered nor be reported
  uint32_t no_route() const { return 1; }      // recipients that no rule fits

 private:
  // The entry of an mx route's domain, in lower case.
  uint32_t FindDomain(uint32_t route, std::string_view domain);
  uint32_t Add(std::string name, uint32_t route, std::string_view domain);

  const RouteTable& routes_;
  const std::string hostname_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;           // slots of entries_
  std::vector<uint32_t> route_entries_;  // beside the routes; of an mx route it means nothing
  absl::flat_hash_map<std::string, uint32_t> entries_by_name_;
  std::string scratch_;  // the name that is looked for, so that looking allocates nothing
};

}  // namespace postern

#endif  // POSTERN_RELAY_DESTINATION_BOOK_H_
