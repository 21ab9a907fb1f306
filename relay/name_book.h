// NameBook knows the addresses of hosts for a while, and asks once for all who want the same name.
//
// SmtpCourier owns it, on the relay's thread; its links look into it. The questions are its own, so a link that has
// waited long enough leaves without one, and the answer serves whoever comes next. It holds an entry for every host
// that a route names, and no more.

#ifndef POSTERN_RELAY_NAME_BOOK_H_
#define POSTERN_RELAY_NAME_BOOK_H_

#include <chrono>
#include <deque>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "core/clock.h"
#include "relay/resolver.h"

namespace postern {

class NameBook {
 public:
  // What an answer is good for: long enough that a burst of connections asks once, short enough that nobody notices.
  static constexpr Duration kGoodTime = std::chrono::seconds(30);
  static constexpr Duration kBadTime = std::chrono::seconds(5);

  explicit NameBook(Resolver& resolver) : resolver_(resolver) {}
  NameBook(const NameBook&) = delete;
  NameBook& operator=(const NameBook&) = delete;

  // What is known of `host`, lent until the next call. Null: it is being asked; look again when TakeAnswers() was true.
  const Question* Find(const std::string& host, MonotonicTime now);
  // Whether somebody really looks for `host`; else it waits for a thread of the resolver.
  bool Begun(const std::string& host) const;
  // True when answers came home.
  bool TakeAnswers(MonotonicTime now);
  bool HasAnswers() const { return resolver_.HasDone(); }

 private:
  struct Entry {
    Question question{};
    bool away = false;
    MonotonicTime fresh_until{};
  };

  void AskWaiting();

  Resolver& resolver_;
  absl::flat_hash_map<std::string, std::unique_ptr<Entry>> entries_;
  std::deque<Entry*> waiting_;  // the resolver had no place for them
};

}  // namespace postern

#endif  // POSTERN_RELAY_NAME_BOOK_H_
