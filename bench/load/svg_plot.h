// SvgPlot draws lines over two axes, as a picture that stands in a page by itself.
//
// A plain value of whoever makes a page. It knows nothing of loads: points, labels, colours.

#ifndef POSTERN_BENCH_LOAD_SVG_PLOT_H_
#define POSTERN_BENCH_LOAD_SVG_PLOT_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern {

// "<", "&" and quotes as HTML and SVG want them; bytes that are no printable ASCII become "?".
std::string EscapeMarkup(std::string_view text);

struct SvgPlot {
  struct Line {
    std::string name;
    std::vector<std::pair<double, double>> points;  // by x
  };
  // A place on an axis and what is written there.
  using Marks = std::vector<std::pair<double, std::string>>;

  std::string x_title;
  std::string y_title;
  Marks x_marks = {};  // the axis goes from the first to the last; in order, at least two
  Marks y_marks = {};
  bool y_logarithmic = false;  // then y is above 0
  std::vector<Line> lines = {};

  // An <svg> element. Points beyond an axis are drawn at its end.
  std::string Draw() const;
};

// Marks for 0 to at least `max`, at round numbers.
SvgPlot::Marks RoundMarks(double max);

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_SVG_PLOT_H_
