// What the URL of a Cloud Controller call is made of.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::foundation {

// Of a base URL, before which paths are put: people and root documents write it either way.
std::string WithoutTrailingSlash(std::string url);

class Query {
 public:
  // One value that Cloud Controller takes as it is, such as a guid or an order.
  Query& With(std::string_view key, std::string_view value);
  // A filter by list. Cloud Controller decodes the query, splits it at commas and decodes each
  // element once more (cloud_controller_ng, app/messages/base_message.rb), so that every element
  // is encoded twice: a comma in a name travels as %252C.
  Query& WithList(std::string_view key, const std::vector<std::string>& elements);

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace sluice::foundation
