// Each sync is needed: without any one of them the prover finds a state in which something is lost. That the table of
// them leaves no file out is looked at by every_sync_test.py.

#include <iostream>
#include <string>

#include "gtest/gtest.h"
#include "tests/prover/drop_sync.h"
#include "tests/prover/prover.h"
#include "tests/prover/workload.h"

namespace postern {
namespace {

// The first thing that is wrong in any script, and in which.
std::string ProveScripts(uint64_t recut_every) {
  for (const Script& script : Scripts()) {
    PowerCut::Random random(1);
    Prover prover(kScriptOptions, {.exhaustive_max = 1u << 16, .recut_every = recut_every}, random);
    for (const Case& made : script.run()) {
      if (const std::string error = prover.Prove(made); !error.empty()) return std::string(script.name) + ": " + error;
    }
  }
  return "";
}

TEST(SyncMutation, WithAllSyncsNothingIsLost) { EXPECT_EQ(ProveScripts(64), ""); }

TEST(SyncMutation, WithoutAnyOneSomethingIs) {
  for (size_t site = 0; site < SyncSites().size(); ++site) {
    const SyncSite& dropped = SyncSites()[site];
    DropSync(site);
    std::string error = ProveScripts(1000);
    if (error.empty()) error = ProveScripts(4);  // it takes a crash during recovery to see it
    EXPECT_NE(error, "") << dropped.file << ":" << dropped.line << ": nobody misses this sync: " << dropped.text
                         << "\nEither it is not needed, or no script shows why it is.";
    std::cout << dropped.file << ":" << dropped.line << ": " << error.substr(0, error.find('\n')) << std::endl;
  }
  DropSync(kNoSync);
}

}  // namespace
}  // namespace postern
