#include "gateway/command_check.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/exit_code.h"
#include "gateway/route_check.h"
#include "gateway/route_text.h"
#include "gateway/storage_judgement.h"

namespace postern {

int RunCheck(const Config& config) {
  const std::vector<RouteTrouble> troubles = CheckRoutes(config);
  for (const RouteTrouble& trouble : troubles) {
    const std::string text = absl::StrCat(ToError(trouble, config).ToString(), "\n");
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  if (!troubles.empty()) return kExitConfig;
  const absl::StatusOr<StorageReport> storage = FindStorage(config, nullptr);
  const absl::Status judgement = storage.ok() ? JudgeStorage(*storage, config.store.durability) : absl::OkStatus();
  if (!judgement.ok()) {
    const std::string text = absl::StrCat(config.file, ": ", judgement.message(), "\n");
    std::fwrite(text.data(), 1, text.size(), stderr);
    return kExitConfig;
  }
  std::string text = absl::StrCat(config.file, ": good\n");
  absl::StrAppend(&text, "  hostname       ", config.hostname, "\n");
  for (const SocketAddress& address : ListenAddresses(config)) {
    absl::StrAppend(&text, "  listen         ", address.ToString(), "\n");
  }
  absl::StrAppend(&text, "  transfer       ", ToText(config.transfer), "\n");
  absl::StrAppend(&text, "  data_dir       ", config.data_dir, "\n");
  absl::StrAppend(&text, "  storage        ",
                  storage.ok() ? DescribeToOperator(*storage) : absl::StrCat(storage.status().message(), "\n"));
  absl::StrAppend(
      &text, "  local_domains  ",
      config.local_domains.empty() ? "none: only trusted networks may send" : absl::StrJoin(config.local_domains, ", "),
      "\n");
  for (const Route& route : config.routes) absl::StrAppend(&text, "  route ", route.match, ": ", WayText(route), "\n");
  const bool anywhere = std::any_of(config.routes.begin(), config.routes.end(), [](const Route& route) {
    return route.match == "*" && route.kind != RouteKind::kReject;
  });
  absl::StrAppend(&text, "  reports        from ", config.reports.postmaster,
                  anywhere ? "" : "; there is no route \"*\", so senders elsewhere cannot be told", "\n");
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kExitOk;
}

}  // namespace postern
