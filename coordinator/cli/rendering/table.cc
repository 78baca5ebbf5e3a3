#include "coordinator/cli/rendering/table.h"

#include <algorithm>

#include "common/base/check.h"
#include "coordinator/cli/rendering/text.h"

namespace sluice::cli {

std::string RenderTable(const std::vector<std::string>& headings,
                        const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> cells = {headings};
  for (const std::vector<std::string>& row : rows) {
    SLUICE_CHECK(row.size() == headings.size());
    std::vector<std::string>& shown = cells.emplace_back();
    for (const std::string& cell : row) shown.push_back(cell.empty() ? "-" : Printable(cell));
  }
  std::vector<size_t> widths(headings.size(), 0);
  for (const auto& row : cells) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  std::string out;
  for (const auto& row : cells) {
    for (size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - DisplayWidth(row[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

}  // namespace sluice::cli
