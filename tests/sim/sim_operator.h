// SimOperator is who runs the simulated gateway: now and then he says over its control socket what he wants of the
// queue.
//
// A scenario owns it and adds it to the world; everything is on one thread. He says what `postern queue` says, one
// request a connection, and believes the answer: what he was told is deleted or on hold must not be tried.

#ifndef POSTERN_TESTS_SIM_SIM_OPERATOR_H_
#define POSTERN_TESTS_SIM_SIM_OPERATOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/control_protocol.h"
#include "tests/sim/post_book.h"
#include "tests/sim/sim_actor.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/sim_world.h"

namespace postern {

class SimOperator final : public SimActor {
 public:
  // `deletes_many`: a whole destination, or the whole queue.
  SimOperator(SimWorld& world, PostBook& book, bool deletes_many);

  std::string_view name() const override { return "operator"; }
  MonotonicTime NextDue() override;
  void Step() override;

  // A wish that the seed chooses; nothing while the last one is under way.
  void Wish();
  // Lets go of all that is held, again and again until all of it has gone: what is in work is passed over.
  void ReleaseAll();
  size_t answer_count() const { return answer_count_; }  // that something was done

 private:
  void Ask(const ControlRequest& request);
  void Hear(std::string_view line);
  void HearResult(ActResult result);
  void Leave() { peer_ = nullptr; }

  SimWorld& world_;
  PostBook& book_;
  const bool deletes_many_;
  std::unique_ptr<SimPeer> peer_;
  ControlRequest request_;
  std::string input_;
  MonotonicTime patience_end_ = kNever;
  MonotonicTime release_at_ = kNever;
  int releases_left_ = 0;
  size_t answer_count_ = 0;
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SIM_OPERATOR_H_
