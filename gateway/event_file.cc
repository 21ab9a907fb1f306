#include "gateway/event_file.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/civil_time.h"
#include "gateway/file_path.h"
#include "store/file.h"

namespace postern {

bool EventFile::OpenToday() {
  const CivilTime now = ToCivil(clock_.Wall());
  const std::string day = absl::StrFormat("%04d-%02u-%02u", now.year, now.month, now.day);
  if (file_.is_open() && file_.good() && day == day_) return true;
  // As the store makes its folders, and perhaps before it does: for our account alone.
  if (!OpenDirectory(folder_).ok()) return false;
  file_ = std::ofstream(FilePath(absl::StrCat(folder_, "/", day, ".log")), std::ios::binary | std::ios::app);
  day_ = day;
  return file_.is_open();
}

bool EventFile::Write(std::string_view lines) {
  if (!OpenToday()) return false;
  file_.write(lines.data(), static_cast<std::streamsize>(lines.size()));
  return static_cast<bool>(file_.flush());
}

}  // namespace postern
