// PoisonWatch keeps a message that the program dies of from being tried for ever: it tells of the last death, parks who
// was in work at two, and leaves a bundle for a bug report.
//
// The gateway owns it. All but Turn() is called while it is opened, in the order in which it stands here; Turn() on the
// relay's thread. Parked is held: the log says so, an operator releases it, and all other mail flows on.

#ifndef POSTERN_GATEWAY_POISON_WATCH_H_
#define POSTERN_GATEWAY_POISON_WATCH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/work_slot.h"
#include "gateway/black_box.h"
#include "gateway/events.h"
#include "relay/log_mail_store.h"
#include "relay/relay.h"
#include "store/file.h"

namespace postern {

class PoisonWatch {
 public:
  // `crashes` is the folder of bundles, with the black box in it. A box that cannot be opened is told, and nothing is
  // noted in this life. What is lent outlives it.
  PoisonWatch(std::unique_ptr<Directory> crashes, EventLog& events, std::string_view version, const Clock& clock);

  BlackBox* box() { return box_.get(); }
  WorkSlot* TakeSlot(std::string_view thread) { return box_ == nullptr ? nullptr : box_->TakeSlot(thread); }

  void TellDeath();
  // Before the logs are read: what is not to be read of them.
  void PassOver(LogMailStore& store) const;
  static void PassOver(const std::vector<Suspect>& guilty, LogMailStore& store);
  // After: parks messages, and writes bundles, whose reading is noted in `slot`. No message is copied that would leave
  // less than `free_size_min` of the disk.
  void Judge(LogMailStore& store, Relay& relay, WorkSlot* slot, uint64_t free_size_min);

  // In every turn of the relay: what could not be parked yet is tried again, and a count is forgotten when the log says
  // that its message is parked.
  void Turn(LogMailStore& store, Relay& relay);

 private:
  // A message that the log does not show as parked yet.
  struct Parking {
    Suspect who;
    std::string why;     // for the reply of its recipients
    std::string bundle;  // where it is, or why it is not whole
    bool started = false;
  };

  void TellWork(const Death::Work& work);
  void Park(const Suspect& who, LogMailStore& store, Relay& relay, WorkSlot* slot, uint64_t free_size_min);
  void StartParking(Parking& parking, Relay& relay);
  void BundleRecord(const Suspect& who, const LogMailStore& store);
  // Its folder, when the crash is new and its report is written; null otherwise. `where` gets its path, or why not.
  std::unique_ptr<Directory> StartBundle(const Suspect& who, std::string& where);
  void TellParked(const Suspect& who, std::string_view where, std::string_view text);

  const std::unique_ptr<Directory> crashes_;
  EventLog& events_;
  const std::string version_;
  const Clock& clock_;
  std::unique_ptr<BlackBox> box_;
  std::vector<Parking> parking_;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_POISON_WATCH_H_
