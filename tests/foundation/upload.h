// The upload of droplet bits: nginx's upload module (the form is streamed to a file, refusals
// before CC sees anything) and then CC's own checks and its job.
#pragma once

#include <string>
#include <vector>

#include "tests/foundation/call.h"
#include "tests/foundation/http_server.h"
#include "tests/foundation/multipart.h"

namespace sluice::box {

struct ReceivedUpload {
  bool cut = false;      // no whole body came
  int refused_with = 0;  // nginx's own status
  std::vector<ReceivedPart> parts;
};

class UploadReceiver {
 public:
  UploadReceiver(Foundation& foundation, Exchange& exchange)
      : foundation_(foundation), exchange_(exchange) {}
  ReceivedUpload Receive();

 private:
  int RefusalBeforeTheBody() const;
  bool ReceiveBody(MultipartReader& reader);

  Foundation& foundation_;
  Exchange& exchange_;
};

// What CC checks once it has the whole body. Starts the job; 202 with the droplet. The file is
// the job's from then on. Throws Refusal. Takes the store's mutex.
Response AcceptUpload(Call& call, const std::string& droplet_guid, const ReceivedUpload& upload);

void DiscardUpload(const ReceivedUpload& upload);

}  // namespace sluice::box
