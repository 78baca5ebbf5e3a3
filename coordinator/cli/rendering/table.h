// Rows and columns of text.
#pragma once

#include <string>
#include <vector>

namespace sluice::cli {

// Columns as wide as their widest cell, two blanks apart, no blanks at the end of a line. Cells are
// made printable; an empty one shows as "-". Rows have as many cells as there are headings.
std::string RenderTable(const std::vector<std::string>& headings,
                        const std::vector<std::vector<std::string>>& rows);

}  // namespace sluice::cli
