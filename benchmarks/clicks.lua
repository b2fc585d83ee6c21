-- One click a request as the snippet sends it for a new visitor, each with a fresh click id.
-- Arguments: publishable key, code, origin, prefix of the ids.
-- Prints one line of JSON when it is done. Latencies are in microseconds.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  local key, code, origin, prefix = args[1], args[2], args[3], args[4]
  made = 0
  head = string.format("%s-%d-", prefix, number)
  start = string.format('{"v":1,"t":"click","k":"%s","a":0,"z":1795300000000,"n":"0.1.0","s":0,"i":"', key)
  tail = string.format('","r":"%s","p":"via","u":"%s/?via=%s","f":"https://blog.example/a-post"}', code, origin, code)
  headers = {
    ["Content-Type"] = "text/plain;charset=UTF-8",
    ["Origin"] = origin,
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ["Sec-Fetch-Site"] = "cross-site",
  }
end

function request()
  made = made + 1
  local id = head .. made
  return wrk.format("POST", "/r/e", headers, start .. id .. '","c":"' .. id .. '","w":"' .. id .. tail)
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"max_us":%d,"not_2xx":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
