#include "store/maildir.h"

#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace postern {
namespace {

constexpr size_t kFileNameSizeMax = 255;  // NAME_MAX of every file system that we know
constexpr std::string_view kLocal = "{local}";
constexpr std::string_view kDomain = "{domain}";

// "a\"b" of "\"a\\\"b\"": RFC 5321 4.1.2, a quoted local part means its content.
std::string Unquote(std::string_view part) {
  if (part.size() < 2 || part.front() != '"' || part.back() != '"') return std::string(part);
  std::string content;
  for (size_t i = 1; i + 1 < part.size(); ++i) {
    if (part[i] == '\\' && i + 2 < part.size()) ++i;
    content.push_back(part[i]);
  }
  return content;
}

bool IsSafe(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("-_+=@,~!#$&'^").find(c) != std::string_view::npos;
}

std::string Escaped(char c) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  return {'%', kHex[byte >> 4], kHex[byte & 15]};
}

// Windows takes such a name for a device, whatever follows its first dot.
bool IsDeviceName(std::string_view name) {
  const std::string_view stem = name.substr(0, name.find('.'));
  for (const std::string_view device : {"con", "prn", "aux", "nul", "conin$", "conout$"}) {
    if (stem == device) return true;
  }
  const bool numbered = stem.size() == 4 && absl::ascii_isdigit(static_cast<unsigned char>(stem[3]));
  return numbered && (stem.starts_with("com") || stem.starts_with("lpt"));
}

}  // namespace

std::string MailboxName(std::string_view part) {
  std::string name;
  for (const char c : absl::AsciiStrToLower(Unquote(part))) {
    if (IsSafe(c) || (c == '.' && !name.empty())) {
      name.push_back(c);
    } else {
      name += Escaped(c);
    }
  }
  // Windows would open another one: without its last dots, or a device.
  if (name.ends_with('.')) name.replace(name.size() - 1, 1, Escaped('.'));
  if (IsDeviceName(name)) name.replace(0, 1, Escaped(name.front()));
  return name;
}

absl::StatusOr<MaildirTemplate> MaildirTemplate::Parse(std::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("the path of a maildir is empty");
  const std::string rest = absl::StrReplaceAll(text, {{kLocal, ""}, {kDomain, ""}});
  if (rest.find_first_of("{}") != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\": only {domain} and {local} may stand in braces"));
  }
  if (rest.find('\0') != std::string::npos) return absl::InvalidArgumentError("the path of a maildir holds a NUL");
  MaildirTemplate result;
  result.text_ = text;
  return result;
}

absl::StatusOr<std::string> MaildirTemplate::Expand(std::string_view local_part, std::string_view domain) const {
  const std::string local_name = MailboxName(local_part);
  const std::string domain_name = MailboxName(domain);
  if (local_name.empty() || domain_name.empty()) return absl::InvalidArgumentError("a part of the address is empty");
  if (local_name.size() > kFileNameSizeMax || domain_name.size() > kFileNameSizeMax) {
    return absl::InvalidArgumentError("the address is too long for the name of a mailbox");
  }
  return absl::StrReplaceAll(text_, {{kLocal, local_name}, {kDomain, domain_name}});
}

std::string MaildirFileName(MessageId message, uint32_t recipient_index, std::string_view hostname) {
  // The two replacements are the specification's own.
  const std::string host = absl::StrReplaceAll(hostname, {{"/", "\\057"}, {":", "\\072"}});
  return absl::StrCat(message.born().us / 1'000'000, ".", ToText(message).view(), "R", recipient_index, ".", host);
}

absl::Status MaildirFile::Append(std::string_view bytes) {
  const std::array<std::string_view, 1> pieces = {bytes};
  const absl::Status status = file_->WriteAt(pieces, size_);
  if (status.ok()) size_ += bytes.size();
  return status;
}

absl::Status MaildirFile::Sync() { return file_->Sync(); }

absl::StatusOr<std::unique_ptr<Maildir>> Maildir::Open(std::unique_ptr<Directory> root) {
  std::array<std::unique_ptr<Directory>, 3> folders;
  const std::array<const char*, 3> names = {"tmp", "new", "cur"};
  for (size_t i = 0; i < folders.size(); ++i) {
    absl::StatusOr<std::unique_ptr<Directory>> folder = root->OpenSubdirectory(names[i]);
    if (!folder.ok()) return folder.status();
    folders[i] = *std::move(folder);
  }
  // A mailbox that is new must survive with its first message.
  if (const absl::Status status = root->Sync(); !status.ok()) return status;
  return std::unique_ptr<Maildir>(new Maildir(std::move(root), std::move(folders[0]), std::move(folders[1])));
}

absl::StatusOr<std::unique_ptr<MaildirFile>> Maildir::Start(std::string name) {
  absl::StatusOr<std::unique_ptr<File>> file = tmp_->Create(name, 0);
  if (absl::IsAlreadyExists(file.status())) {
    if (const absl::Status status = tmp_->Remove(name); !status.ok()) return status;
    file = tmp_->Create(name, 0);
  }
  if (!file.ok()) return file.status();
  return std::make_unique<MaildirFile>(std::move(name), *std::move(file));
}

absl::Status Maildir::Publish(const MaildirFile& file) {
  return root_->Rename(absl::StrCat("tmp/", file.name()), absl::StrCat("new/", file.name()));
}

absl::Status Maildir::SyncFolder() { return new_->Sync(); }

void Maildir::Discard(const MaildirFile& file) { tmp_->Remove(file.name()).IgnoreError(); }

}  // namespace postern
