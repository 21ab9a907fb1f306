#include "bench/load/options.h"

#include <limits>
#include <map>
#include <string_view>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/load/help_text.h"
#include "bench/load/quantity.h"
#include "gateway/exit_code.h"

namespace postern {
namespace {

constexpr Duration kDurationDefault = std::chrono::seconds(10);
constexpr size_t kConnectionCountMax = 1'000'000;
constexpr size_t kSourceCountMax = (size_t{1} << 24) - 2;  // 127.0.0.1 to 127.255.255.254
constexpr size_t kThreadCountMax = 256;
constexpr double kRateMax = 1e7;
constexpr size_t kRecipientCountMax = 100'000;

// What is right, by the type that the help names.
const std::map<std::string, const char*> kWanted = {{"TIME", "a time, as 30, 30s, 500ms or 2m"},
                                                    {"SIZE", "a size, as 1000, 24k or 4k:90,1m:10"}};

// What one option alone cannot tell; empty when all is well.
std::string Contradiction(const LoadOptions& options) {
  if (options.from.find_first_of("\r\n<>") != std::string::npos ||
      options.to.find_first_of("\r\n<>") != std::string::npos)
    return "--from and --to: an address, as kim@example.org, without angle brackets";
  if (options.to.find('@') == std::string::npos) return "--to: an address has an \"@\", as kim@example.org";
  if (options.thread_count > options.connection_count) return "--threads: each needs a connection at least";
  return "";
}

class OptionParser {
 public:
  OptionParser() {
    app_.footer(std::string(kHelpText));
    app_.add_option("TARGET", options_.target, "HOST:PORT, ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH; port 25 if none")
        ->required();
    AddLoad();
    AddMessages();
    AddConversation();
    AddOutput();
  }

  std::variant<LoadOptions, int> Parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
      const std::string contradiction = Contradiction(options_);
      if (!contradiction.empty()) throw CLI::ValidationError(contradiction);
    } catch (const CLI::ParseError& error) {
      return app_.exit(error) == 0 ? kExitOk : kExitUsage;
    }
    options_.pipelining = !no_pipelining_;
    options_.chunking = !no_bdat_;
    if (mail_like_) options_.mix = *Mix::Parse(Mix::kMailLike);
    if (options_.message_count == 0 && options_.duration == Duration::zero()) options_.duration = kDurationDefault;
    return options_;
  }

 private:
  // The group that options are added to, by the name that the help has for it.
  void Group(std::string name) { group_ = std::move(name); }

  template <typename T>
  CLI::Option& Add(const std::string& name, T& value, const std::string& type, const std::string& about) {
    return *app_.add_option(name, value, about)->type_name(type)->group(group_);
  }
  template <typename T>
  void AddNumber(const std::string& name, T& value, T least, T most, const std::string& about) {
    Add(name, value, "N", about).check(CLI::Range(least, most).description(""));
  }
  // One that `parse` reads, which returns nothing for what it does not understand.
  template <typename T>
  CLI::Option& AddParsed(const std::string& name, T& value, std::optional<T> (*parse)(std::string_view),
                         const std::string& type, const std::string& about) {
    const auto read = [&value, parse, name, type](const std::string& text) {
      const std::optional<T> parsed = parse(text);
      if (!parsed) throw CLI::ValidationError(name, absl::StrCat("\"", text, "\" is not ", kWanted.at(type)));
      value = *parsed;
    };
    return *app_.add_option_function<std::string>(name, read, about)->type_name(type)->group(group_);
  }
  void AddDuration(const std::string& name, Duration& value, const std::string& about) {
    AddParsed<Duration>(name, value, ParseDuration, "TIME", about);
  }
  CLI::Option& AddFlag(const std::string& name, bool& value, const std::string& about) {
    return *app_.add_flag(name, value, about)->group(group_);
  }

  void AddLoad() {
    Group("The load");
    AddNumber("-c,--connections", options_.connection_count, size_t{1}, kConnectionCountMax, "At a time; 10");
    Add("-m,--messages", options_.message_count, "N", "End after so many, behind the warm-up");
    AddDuration("-d,--duration", options_.duration, "End after this time; 10 s unless --messages says when");
    AddDuration("--warm-up", options_.warm_up, "Load the server for so long before anything counts");
    AddNumber("--rate", options_.rate, 0.001, kRateMax, "Open loop: begin so many messages a second, come what may");
    AddNumber("--idle", options_.idle_count, size_t{0}, kConnectionCountMax,
              "Hold so many connections more, which say nothing");
    AddNumber("--sources", options_.source_count, size_t{1}, kSourceCountMax,
              "Come from so many addresses, 127.0.0.1 and on");
    AddNumber("--threads", options_.thread_count, size_t{1}, kThreadCountMax, "Reactors that make the load; 1");
  }

  void AddMessages() {
    Group("The messages");
    CLI::Option& size = AddParsed<Mix>("-s,--size", options_.mix, Mix::Parse, "SIZE",
                                       "Of each, header and all: 4k; or several with weights: 4k:90,1m:10");
    AddFlag("--mix", mail_like_, absl::StrCat("Sizes as mail has them: ", Mix::kMailLike)).excludes(&size);
    AddNumber("-r,--recipients", options_.recipient_count, size_t{1}, kRecipientCountMax, "Of each message; 1");
    Add("--from", options_.from, "ADDRESS", "The sender; load@load.example");
    Add("--to", options_.to, "ADDRESS", "The recipient; several are numbered: load1@..., load2@...");
  }

  void AddConversation() {
    Group("The conversation");
    Add("--messages-per-connection", options_.messages_per_connection, "N",
        "1: a new connection for each message; without it, connections are kept");
    AddFlag("--no-pipelining", no_pipelining_, "Wait for each reply although PIPELINING is offered");
    AddFlag("--no-bdat", no_bdat_, "DATA although CHUNKING is offered");
    AddDuration("--timeout", options_.timeout, "For a connection, and for each reply; 30 s");
  }

  void AddOutput() {
    Group("What is told");
    AddNumber("--pid", options_.pid, int64_t{1}, std::numeric_limits<int64_t>::max(),
              "The server's: tells its CPU and memory, with those of its children");
    AddFlag("--json", options_.json, "The result for programs, instead of text");
    Add("--report", options_.report_file, "FILE", "The result with plots, as an HTML page that needs no network");
  }

  CLI::App app_{"Loads any SMTP server, and tells how fast it is.", "load"};
  LoadOptions options_;
  std::string group_;
  bool mail_like_ = false;  // --mix
  bool no_pipelining_ = false;
  bool no_bdat_ = false;
};

}  // namespace

std::vector<std::string> LoadOptions::Recipients() const {
  if (recipient_count == 1) return {to};
  const size_t at = to.rfind('@');
  std::vector<std::string> recipients;
  for (size_t i = 1; i <= recipient_count; ++i) {
    recipients.push_back(absl::StrCat(to.substr(0, at), i, to.substr(at)));
  }
  return recipients;
}

std::optional<IpAddress> LoadOptions::Source(size_t index) const {
  if (source_count == 0) return std::nullopt;
  const size_t host = 1 + index % source_count;
  IpAddress ip{.family = AddressFamily::kIPv4, .bytes = {127}};
  for (size_t i = 0; i < 3; ++i) ip.bytes[i + 1] = static_cast<uint8_t>(host >> (16 - 8 * i));
  return ip;
}

std::variant<LoadOptions, int> ParseOptions(int argc, const char* const* argv) {
  return OptionParser().Parse(argc, argv);
}

std::string Summary(const LoadOptions& options) {
  std::vector<std::string> parts;
  const auto counted = [](uint64_t count, std::string_view what) {
    return absl::StrCat(CountText(count), " ", what, count == 1 ? "" : "s");
  };
  parts.push_back(counted(options.connection_count, "connection"));
  if (options.messages_per_connection > 0) {
    parts.push_back(absl::StrCat(counted(options.messages_per_connection, "message"), " on each"));
  }
  if (options.idle_count > 0) parts.push_back(absl::StrCat(CountText(options.idle_count), " more idle"));
  parts.push_back(options.rate > 0 ? absl::StrCat("open loop at ", NumberText(options.rate), "/s") : "closed loop");
  parts.push_back(absl::StrCat("messages of ", options.mix.ToString()));
  parts.push_back(counted(options.recipient_count, "recipient"));
  parts.push_back(options.pipelining ? "PIPELINING if offered" : "no PIPELINING");
  parts.push_back(options.chunking ? "BDAT if offered" : "DATA");
  if (options.source_count > 0) parts.push_back(absl::StrCat("from ", CountText(options.source_count), " of 127/8"));
  if (options.thread_count > 1) parts.push_back(counted(options.thread_count, "thread"));
  std::string text;
  for (const std::string& part : parts) absl::StrAppend(&text, text.empty() ? "" : ", ", part);
  return text;
}

}  // namespace postern
