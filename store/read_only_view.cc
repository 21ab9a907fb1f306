#include "store/read_only_view.h"

#include <set>

#include "absl/strings/str_cat.h"

namespace postern {

absl::StatusOr<std::vector<std::string>> ReadOnlyView::List() {
  absl::StatusOr<std::vector<std::string>> names = real_.List();
  if (!names.ok() || names_.empty()) return names;
  std::set<std::string> shown(names->begin(), names->end());
  for (const auto& [name, real_name] : names_) shown.erase(real_name);
  for (const auto& [name, real_name] : names_) shown.insert(name);
  return std::vector<std::string>(shown.begin(), shown.end());
}

absl::StatusOr<std::unique_ptr<File>> ReadOnlyView::OpenForRead(const std::string& name) {
  const auto renamed = names_.find(name);
  return real_.OpenForRead(renamed == names_.end() ? name : renamed->second);
}

absl::Status ReadOnlyView::Refused() const {
  return absl::PermissionDeniedError(absl::StrCat(real_.path(), ": is only looked at"));
}

}  // namespace postern
