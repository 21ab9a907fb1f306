#include "bench/load/svg_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/load/quantity.h"

namespace postern {
namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 340;
constexpr double kLeft = 80;
constexpr double kRight = 20;
constexpr double kTop = 30;
constexpr double kBottom = 50;
constexpr std::array<const char*, 4> kColours = {"#7a8699", "#d98e04", "#1f77b4", "#b5301f"};

// Where a value lies on an axis of some pixels.
class Scale {
 public:
  Scale(const SvgPlot::Marks& marks, bool logarithmic, double from, double to)
      : logarithmic_(logarithmic),
        low_(Place(marks.front().first)),
        high_(Place(marks.back().first)),
        from_(from),
        to_(to) {}

  double operator()(double value) const {
    const double share = high_ > low_ ? (Place(value) - low_) / (high_ - low_) : 0;
    return from_ + std::clamp(share, 0.0, 1.0) * (to_ - from_);
  }

 private:
  double Place(double value) const { return logarithmic_ ? std::log10(std::max(value, 1e-300)) : value; }

  const bool logarithmic_;
  const double low_;
  const double high_;
  const double from_;
  const double to_;
};

}  // namespace

std::string EscapeMarkup(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c >= ' ' && c <= '~' ? c : '?';
    }
  }
  return out;
}

std::string SvgPlot::Draw() const {
  const Scale x(x_marks, /*logarithmic=*/false, kLeft, kWidth - kRight);
  const Scale y(y_marks, y_logarithmic, kHeight - kBottom, kTop);
  std::string svg = absl::StrFormat("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n", kWidth, kHeight);
  const auto text = [&svg](double at_x, double at_y, const char* anchor, std::string_view words) {
    absl::StrAppendFormat(&svg, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", at_x, at_y, anchor,
                          EscapeMarkup(words));
  };
  const auto rule = [&svg](double x1, double y1, double x2, double y2) {
    absl::StrAppendFormat(&svg, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", x1, y1, x2,
                          y2);
  };
  for (const auto& [value, words] : x_marks) {
    rule(x(value), kTop, x(value), kHeight - kBottom);
    text(x(value), kHeight - kBottom + 18, "middle", words);
  }
  for (const auto& [value, words] : y_marks) {
    rule(kLeft, y(value), kWidth - kRight, y(value));
    text(kLeft - 8, y(value) + 4, "end", words);
  }
  text((kLeft + kWidth - kRight) / 2, kHeight - 8, "middle", x_title);
  text(kLeft, kTop - 14, "start", y_title);

  for (size_t i = 0; i < lines.size(); ++i) {
    const char* const colour = kColours[i % kColours.size()];
    svg += "<polyline fill=\"none\" stroke-width=\"2\" stroke-linejoin=\"round\" stroke=\"";
    absl::StrAppend(&svg, colour, "\" points=\"");
    for (const auto& [px, py] : lines[i].points) absl::StrAppendFormat(&svg, "%.1f,%.1f ", x(px), y(py));
    absl::StrAppend(&svg, "\"><title>", EscapeMarkup(lines[i].name), "</title></polyline>\n");
    if (lines.size() == 1) continue;
    constexpr double kLegendWidth = 110;
    const double legend = kWidth - kRight - kLegendWidth * static_cast<double>(lines.size() - i);
    absl::StrAppendFormat(&svg, "<rect x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" fill=\"%s\"/>\n", legend,
                          kTop - 24, colour);
    text(legend + 16, kTop - 14, "start", lines[i].name);
  }
  return svg + "</svg>\n";
}

SvgPlot::Marks RoundMarks(double max) {
  constexpr double kStepsWanted = 5;
  max = std::max(max, 1e-9);
  const double power = std::pow(10, std::floor(std::log10(max / kStepsWanted)));
  double step = power;
  for (const double factor : {2.0, 5.0, 10.0}) {
    if (step * kStepsWanted < max) step = power * factor;
  }
  SvgPlot::Marks marks;
  for (int i = 0; i == 0 || marks.back().first < max; ++i) {
    const double value = step * i;
    marks.emplace_back(value, value < 1 ? absl::StrFormat("%.3g", value) : NumberText(value));
  }
  return marks;
}

}  // namespace postern
