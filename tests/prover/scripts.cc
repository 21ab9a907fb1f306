// The short workloads.

#include <array>
#include <iterator>
#include <string>
#include <utility>

#include "tests/prover/workload.h"
#include "tests/store/store_fixture.h"

namespace postern {
namespace {

using enum RecipientState;

std::vector<Case> Only(Workload& workload) {
  std::vector<Case> cases;
  cases.push_back(workload.Take());
  return cases;
}

std::vector<Case> TakesMail() {
  Workload workload(kScriptOptions);
  Life& life = workload.Begin();
  life.Receive({300});
  life.Commit();
  life.Receive({0}, 2);
  life.Receive({700});
  life.Commit();
  return Only(workload);
}

// A body that is streamed over three segments, beside another message; and one whose end never comes.
std::vector<Case> TakesLargeBodies() {
  Workload workload(kScriptOptions);
  Life& life = workload.Begin();
  const uint64_t large = life.Start({900, 900, 900, 900, 100}, 1);
  life.Continue(large);
  life.Commit();
  life.Receive({50});
  life.Continue(large);
  life.Commit();
  const uint64_t abandoned = life.Start({600, 600}, 1);
  life.Continue(abandoned);
  life.Continue(large);
  life.Commit();
  life.Continue(large);
  life.Continue(large);
  life.Commit();
  return Only(workload);
}

std::vector<Case> MarksRecipients() {
  Workload workload(kScriptOptions);
  Life& life = workload.Begin();
  const uint64_t first = life.Receive({100}, 2);
  const uint64_t second = life.Receive({100});
  life.Commit();
  life.Mark(first, 0, kDeferred);
  life.Mark(second, 0, kDelivered);
  life.Commit();
  life.Mark(first, 0, kDelivered);
  life.Mark(first, 1, kFailed);
  life.Commit();
  life.Report(first, 1);
  life.Commit();
  return Only(workload);
}

// Four segments are freed at once, and their files used again.
std::vector<Case> RecyclesSegments() {
  Workload workload(kScriptOptions);
  Life& life = workload.Begin();
  std::vector<uint64_t> numbers;
  for (int i = 0; i < 4; ++i) {
    numbers.push_back(life.Receive({1300}));
    life.Write();
  }
  for (const uint64_t number : numbers) {
    life.Mark(number, 0, kDelivered);
    life.Write();
  }
  life.Receive({1300});
  life.Commit();
  life.Receive({1300});
  life.Commit();
  life.Receive({1300});
  life.Commit();
  return Only(workload);
}

// What waits in the oldest segment goes to the head, with its marks, and the segment is freed.
std::vector<Case> MovesMessages() {
  Workload workload(kScriptOptions);
  Life& life = workload.Begin();
  const uint64_t waits = life.Receive({300, 300}, 2);
  const uint64_t done = life.Receive({700});
  life.Commit();
  life.Mark(waits, 1, kDeferred);
  life.Mark(done, 0, kDelivered);
  life.Commit();
  life.Receive({1300});
  life.Commit();
  life.Move();
  life.Commit();
  life.Mark(waits, 1, kDelivered);
  life.Mark(waits, 0, kDelivered);
  life.Commit();
  life.Receive({1300});
  life.Commit();
  return Only(workload);
}

// The process is killed at every step of a commit, another one takes up what it wrote, and then the power goes.
std::vector<Case> IsKilled() {
  std::vector<Case> cases;
  for (uint64_t step_count = 1; step_count <= 12; ++step_count) {
    Workload workload(kScriptOptions);
    Life* life = &workload.Begin();
    const uint64_t number = life->Receive({300});
    life->Commit();
    workload.disk().StopAfter(step_count);
    life->Mark(number, 0, kDelivered);
    life->Receive({300});
    life->Commit();
    if (life->CanGoOn()) life->Receive({1300});
    if (life->CanGoOn()) life->Commit();
    life = &workload.Begin();
    life->Receive({100});
    life->Commit();
    cases.push_back(workload.Take());
  }
  return cases;
}

// The first process is killed at every step of its start.
std::vector<Case> IsKilledAtItsStart() {
  std::vector<Case> cases;
  for (uint64_t step_count = 1; step_count <= 10; ++step_count) {
    Workload workload(kScriptOptions);
    workload.Begin(step_count);
    Life& life = workload.Begin();
    life.Receive({300});
    life.Commit();
    cases.push_back(workload.Take());
  }
  return cases;
}

// Two processes that are killed while they recover, each at every step, and a third one that does not know of it.
std::vector<Case> IsKilledInItsRecoveries() {
  std::vector<Case> cases;
  for (uint64_t first = 1; first <= 9; ++first) {
    for (uint64_t second = 1; second <= 9; ++second) {
      Workload workload(kScriptOptions);
      Life* life = &workload.Begin();
      life->Receive({300});
      life->Commit();
      workload.Begin(first);
      workload.Begin(second);
      life = &workload.Begin();
      life->Receive({100});
      life->Commit();
      cases.push_back(workload.Take());
    }
  }
  return cases;
}

// After a failed sync nothing is accepted; the next process takes what it finds for mail only once it is synced.
std::vector<Case> LosesASync() {
  Workload workload(kScriptOptions);
  Life* life = &workload.Begin();
  const uint64_t number = life->Receive({300});
  life->Commit();
  life->Mark(number, 0, kDeferred);
  life->Receive({700});
  workload.disk().FailSync(1);
  life->Commit();
  life = &workload.Begin();
  life->Receive({100});
  life->Commit();
  return Only(workload);
}

std::vector<Case> EndsCleanly() {
  Workload workload(kScriptOptions);
  Life* life = &workload.Begin();
  life->Receive({300});
  const uint64_t open = life->Start({300, 300}, 1);
  life->Continue(open);
  life->Stop();
  life = &workload.Begin();
  life->Receive({100});
  life->Stop();
  return Only(workload);
}

// Three segments, the second message damaged by other means than a crash.
Workload MakeDamaged() {
  Workload before(kScriptOptions);
  Life* life = &before.Begin();
  life->Receive({300});
  const uint64_t damaged = life->Receive({700});
  life->Commit();
  life->Receive({1300});
  life->Commit();
  DiskImage image = before.disk().image();
  const std::string body = Body(damaged * 100, 700);
  for (const auto& [path, node] : DiskImage(image).names) {
    if (image.IsFolder(path)) continue;
    if (const size_t place = image.contents.at(node)->find(body); place != std::string::npos) ++image.Edit(node)[place];
  }
  Knowledge known = before.history().now;
  known.Damage(damaged);
  known.AllowDamage(1);
  return Workload(kScriptOptions, std::move(image), std::move(known), before.history().last_number);
}

// A record in the middle of the log is damaged; it is set aside, and the segment is freed. The process that finds it is
// killed at every step.
std::vector<Case> SetsDamageAside() {
  std::vector<Case> cases;
  for (uint64_t step_count = 1; step_count <= 16; ++step_count) {
    Workload workload = MakeDamaged();
    workload.Begin(step_count);
    Life& life = workload.Begin();
    life.Mark(1, 0, kDelivered);
    life.Commit();
    life.Receive({1300});
    life.Commit();
    cases.push_back(workload.Take());
  }
  return cases;
}

// Somebody has given two segments each other's name.
std::vector<Case> PutsNamesRight() {
  Workload before(kScriptOptions);
  Life& life = before.Begin();
  for (int i = 0; i < 3; ++i) {
    life.Receive({1300});
    life.Commit();
  }
  DiskImage image = before.disk().image();
  const auto first = image.names.lower_bound("log/segment");
  std::swap(first->second, std::next(first)->second);
  Workload workload(kScriptOptions, std::move(image), before.history().now, before.history().last_number);
  Life& after = workload.Begin();
  after.Receive({1300});
  after.Commit();
  return Only(workload);
}

// Three segments are full, and somebody has put a copy of the first behind the one with this index.
Workload MakeDoubled(int behind) {
  Workload before(kScriptOptions);
  Life& life = before.Begin();
  for (int i = 0; i < 3; ++i) {
    life.Receive({1300});
    life.Commit();
  }
  DiskImage image = before.disk().image();
  const NodeNumber copy = image.NextNode();
  const auto first = image.names.lower_bound("log/segment");
  image.contents[copy] = image.contents.at(first->second);
  // Their numbers leave room.
  const std::string& name = std::next(first, behind)->first;
  image.names["log/" + SegmentName(*ParseSegmentName(name.substr(4)) + 1)] = copy;
  Knowledge known = before.history().now;
  known.AllowDamage(4);
  return Workload(kScriptOptions, std::move(image), std::move(known), before.history().last_number);
}

// What is damaged is set aside, and a segment that is there twice is there once. Then the log is as any.
std::vector<Case> MendsALog() {
  std::vector<Case> cases;
  Workload damaged = MakeDamaged();
  damaged.Begin();
  damaged.Mend();
  damaged.Begin().Receive({100});
  cases.push_back(damaged.Take());
  for (const int behind : {1, 2}) {
    Workload doubled = MakeDoubled(behind);
    doubled.Mend();
    doubled.Begin().Receive({100});
    cases.push_back(doubled.Take());
  }
  return cases;
}

// Into two mailboxes that are made for it; killed at every step, and delivered again by the next process.
std::vector<Case> FillsMailboxes() {
  std::vector<Case> cases;
  for (uint64_t step_count = 1; step_count <= 26; ++step_count) {
    Workload workload(kScriptOptions);
    Life* life = &workload.Begin();
    const uint64_t number = life->Receive({700}, 2);
    life->Commit();
    workload.disk().StopAfter(step_count);
    for (uint32_t recipient = 0; recipient < 2 && life->CanGoOn(); ++recipient) life->Deliver(number, recipient);
    if (life->CanGoOn()) life->Commit();
    life = &workload.Begin();
    const auto& recipients = workload.history().now.messages().at(number).recipients;
    for (uint32_t recipient = 0; recipient < 2; ++recipient) {
      if (!Settled(recipients[recipient].known.state)) life->Deliver(number, recipient);
    }
    life->Commit();
    cases.push_back(workload.Take());
  }
  return cases;
}

constexpr std::array kScripts = {
    Script{"takes mail", TakesMail},
    Script{"takes large bodies", TakesLargeBodies},
    Script{"marks recipients", MarksRecipients},
    Script{"recycles segments", RecyclesSegments},
    Script{"moves messages", MovesMessages},
    Script{"is killed", IsKilled},
    Script{"is killed at its start", IsKilledAtItsStart},
    Script{"is killed in its recoveries", IsKilledInItsRecoveries},
    Script{"loses a sync", LosesASync},
    Script{"ends cleanly", EndsCleanly},
    Script{"sets damage aside", SetsDamageAside},
    Script{"puts names right", PutsNamesRight},
    Script{"mends a log", MendsALog},
    Script{"fills mailboxes", FillsMailboxes},
};

}  // namespace

std::span<const Script> Scripts() { return kScripts; }

}  // namespace postern
