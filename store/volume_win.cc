#include "store/volume_win.h"

#include <windows.h>
#include <winioctl.h>

#include <array>
#include <string_view>

#include "store/system_call_win.h"

namespace postern {
namespace {

constexpr std::wstring_view kNativePrefix = L"\\\\?\\";  // of NativePath()

// A volume is asked by its name without the slash; querying takes no right to read or write it.
void AskForCache(std::wstring volume, FileSystemInfo& info) {
  while (!volume.empty() && volume.back() == L'\\') volume.pop_back();
  const WinHandle disk(
      CreateFileW(volume.c_str(), 0, FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr, OPEN_EXISTING, 0, nullptr));
  if (!disk.valid()) return;
  STORAGE_PROPERTY_QUERY query{};
  query.PropertyId = StorageDeviceWriteCacheProperty;
  query.QueryType = PropertyStandardQuery;
  STORAGE_WRITE_CACHE_PROPERTY cache{};
  DWORD size = 0;
  if (!DeviceIoControl(disk.get(), IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof query, &cache, sizeof cache, &size,
                       nullptr) ||
      size < sizeof cache) {
    return;
  }
  // The administrator has told the system that power never fails: it sends no flushes then.
  info.barriers = !cache.UserDefinedPowerProtection;
  if (cache.WriteCacheEnabled == WriteCacheDisabled || cache.WriteCacheType == WriteCacheTypeWriteThrough) {
    info.write_cache = WriteCache::kNone;
  } else if (cache.WriteCacheEnabled == WriteCacheEnabled) {
    info.write_cache = WriteCache::kBack;
  }
}

}  // namespace

absl::StatusOr<FileSystemInfo> DescribeVolume(const std::string& path) {
  std::array<wchar_t, MAX_PATH + 1> root;  // "C:\", "\\server\share\", or where another volume is mounted
  if (!GetVolumePathNameW(NativePath(path).c_str(), root.data(), static_cast<DWORD>(root.size()))) {
    return WinError("GetVolumePathName", path);
  }
  std::array<wchar_t, MAX_PATH + 1> type{};
  if (!GetVolumeInformationW(root.data(), nullptr, 0, nullptr, nullptr, nullptr, type.data(),
                             static_cast<DWORD>(type.size()))) {
    return WinError("GetVolumeInformation", path);
  }
  std::wstring_view shown = root.data();
  if (shown.starts_with(kNativePrefix)) shown.remove_prefix(kNativePrefix.size());
  FileSystemInfo info{.type = FromWide(type.data()), .device = FromWide(shown)};
  const UINT drive = GetDriveTypeW(root.data());
  info.volatile_ = drive == DRIVE_RAMDISK;
  info.network = drive == DRIVE_REMOTE;
  std::array<wchar_t, MAX_PATH + 1> volume;  // "\\?\Volume{GUID}\"
  if (GetVolumeNameForVolumeMountPointW(root.data(), volume.data(), static_cast<DWORD>(volume.size()))) {
    AskForCache(volume.data(), info);
  }
  return info;
}

}  // namespace postern
