#include "tests/prover/trace.h"

#include "absl/strings/str_cat.h"

namespace postern {

std::string Describe(const Step& step) {
  switch (step.kind) {
    case Step::Kind::kMakeFolder: return absl::StrCat("mkdir ", step.path);
    case Step::Kind::kCreate: return absl::StrCat("create ", step.path, " of ", step.size);
    case Step::Kind::kWrite: return absl::StrCat("write ", step.path, " ", step.offset, "+", step.bytes.size());
    case Step::Kind::kSync: return absl::StrCat("sync ", step.path);
    case Step::Kind::kFailedSync: return absl::StrCat("failed sync ", step.path);
    case Step::Kind::kRename: return absl::StrCat("rename to ", step.path);
    case Step::Kind::kRemove: return absl::StrCat("remove ", step.path);
    case Step::Kind::kSyncFolder: return absl::StrCat("sync folder ", step.path);
  }
  return "";
}

}  // namespace postern
