#include "net/dns_message.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace postern {
namespace {

constexpr size_t kNameSizeMax = 255;  // with the sizes of the labels (RFC 1035 3.1)
constexpr size_t kLabelSizeMax = 63;
constexpr size_t kNameTextSizeMax = 253;
// More than any useful answer has; a message of 64 KB could hold five thousand, all with names of 255 bytes.
constexpr size_t kRecordCountMax = 500;
constexpr uint16_t kClassIn = 1;

void AppendLabel(std::string_view label, std::string& text) {
  for (const unsigned char c : label) {
    if (c == '.' || c == '\\' || c == '"' || !absl::ascii_isgraph(c)) {
      absl::StrAppendFormat(&text, "\\%03d", c);
    } else {
      text += static_cast<char>(absl::ascii_tolower(c));
    }
  }
}

// Reads a message from its front. After a failure ok() is false, and everything read is zero or empty.
class Reader {
 public:
  explicit Reader(std::string_view message) : message_(message) {}

  uint8_t Byte() { return static_cast<uint8_t>(Number(1)); }
  uint16_t Short() { return static_cast<uint16_t>(Number(2)); }
  uint32_t Long() { return Number(4); }

  std::string_view Bytes(size_t size) {
    if (size > message_.size() - position_) return Fail();
    const std::string_view bytes = message_.substr(position_, size);
    position_ += size;
    return bytes;
  }

  // A name, which may go on at an earlier place of the message. A pointer must lead back behind the place from which
  // this name was read so far, so that it ends.
  std::string Name() {
    std::string text;
    size_t name_size = 0;
    size_t at = position_;
    size_t limit = position_;  // pointers lead before it
    bool jumped = false;
    for (;;) {
      if (at >= message_.size()) return std::string(Fail());
      const auto size = static_cast<uint8_t>(message_[at]);
      if ((size & 0xC0) == 0xC0) {
        if (at + 1 >= message_.size()) return std::string(Fail());
        const size_t target = (size & 0x3Fu) << 8 | static_cast<uint8_t>(message_[at + 1]);
        if (target >= limit) return std::string(Fail());
        if (!jumped) position_ = at + 2;
        jumped = true;
        at = limit = target;
        continue;
      }
      name_size += size + 1;
      if (size > kLabelSizeMax || name_size > kNameSizeMax || size > message_.size() - at - 1) {
        return std::string(Fail());
      }
      at += 1 + size;
      if (size == 0) break;
      if (!text.empty()) text += '.';
      AppendLabel(message_.substr(at - size, size), text);
    }
    if (!jumped) position_ = at;
    return ok_ ? text : "";
  }

  size_t position() const { return position_; }
  bool ok() const { return ok_; }

 private:
  uint32_t Number(size_t size) {
    uint32_t value = 0;
    for (const char c : Bytes(size)) value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }

  std::string_view Fail() {
    ok_ = false;
    position_ = message_.size();
    return {};
  }

  const std::string_view message_;
  size_t position_ = 0;
  bool ok_ = true;
};

IpAddress ToAddress(AddressFamily family, std::string_view bytes) {
  IpAddress address{.family = family};
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  return address;
}

// False for a type that nobody asks for.
bool ReadData(Reader& reader, size_t size, DnsRecord& record) {
  switch (record.type) {
    case DnsRecordType::kA: record.address = ToAddress(AddressFamily::kIPv4, reader.Bytes(4)); return true;
    case DnsRecordType::kAaaa: record.address = ToAddress(AddressFamily::kIPv6, reader.Bytes(16)); return true;
    case DnsRecordType::kMx: record.preference = reader.Short(); [[fallthrough]];
    case DnsRecordType::kNs:
    case DnsRecordType::kCname: record.host = reader.Name(); return true;
    case DnsRecordType::kSoa:
      reader.Name();
      reader.Name();
      reader.Bytes(16);  // serial, refresh, retry, expire
      record.minimum_s = reader.Long();
      return true;
  }
  reader.Bytes(size);
  return false;
}

bool ReadRecords(Reader& reader, size_t count, std::vector<DnsRecord>& records) {
  for (size_t i = 0; i < count; ++i) {
    DnsRecord record{.owner = reader.Name()};
    record.type = static_cast<DnsRecordType>(reader.Short());
    const uint16_t record_class = reader.Short();
    const uint32_t ttl_s = reader.Long();
    record.ttl_s = ttl_s > INT32_MAX ? 0 : ttl_s;  // RFC 2181 8
    const uint16_t size = reader.Short();
    const size_t start = reader.position();
    const bool wanted = ReadData(reader, size, record);
    if (!reader.ok() || reader.position() != start + size) return false;
    if (wanted && record_class == kClassIn && records.size() < kRecordCountMax) records.push_back(std::move(record));
  }
  return true;
}

}  // namespace

std::string_view ToText(DnsRecordType type) {
  switch (type) {
    case DnsRecordType::kA: return "A";
    case DnsRecordType::kNs: return "NS";
    case DnsRecordType::kCname: return "CNAME";
    case DnsRecordType::kSoa: return "SOA";
    case DnsRecordType::kMx: return "MX";
    case DnsRecordType::kAaaa: return "AAAA";
  }
  return "?";
}

std::string ToText(DnsRcode rcode) {
  switch (rcode) {
    case DnsRcode::kNoError: return "NOERROR";
    case DnsRcode::kFormatError: return "FORMERR";
    case DnsRcode::kServerFailure: return "SERVFAIL";
    case DnsRcode::kNoName: return "NXDOMAIN";
    case DnsRcode::kRefused: return "REFUSED";
  }
  return absl::StrCat("RCODE ", static_cast<int>(rcode));
}

std::optional<DnsMessage> ParseDnsMessage(std::string_view bytes) {
  Reader reader(bytes);
  reader.Short();  // the id
  const uint8_t flags = reader.Byte();
  DnsMessage message;
  message.authoritative = (flags & 0x04) != 0;
  message.rcode = static_cast<DnsRcode>(reader.Byte() & 0x0F);
  const bool response = (flags & 0x80) != 0;
  const uint16_t question_count = reader.Short();
  const uint16_t answer_count = reader.Short();
  const uint16_t authority_count = reader.Short();
  reader.Short();  // nobody reads the additional records
  if (!response) return std::nullopt;
  for (size_t i = 0; i < question_count && reader.ok(); ++i) {
    reader.Name();
    reader.Bytes(4);  // type and class
  }
  if (!reader.ok() || !ReadRecords(reader, answer_count, message.answers) ||
      !ReadRecords(reader, authority_count, message.authorities)) {
    return std::nullopt;
  }
  return message;
}

bool IsDnsName(std::string_view name) {
  if (name.size() > kNameTextSizeMax) return false;
  const auto good = [](unsigned char c) { return absl::ascii_isgraph(c) && c != '\\' && c != '"'; };
  if (!std::all_of(name.begin(), name.end(), good)) return false;
  for (const std::string_view label : absl::StrSplit(name, '.')) {
    if (label.empty() || label.size() > kLabelSizeMax) return false;
  }
  return true;
}

}  // namespace postern
