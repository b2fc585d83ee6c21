-- Sales as a shop's server reports them, each with a fresh order and customer. Arguments: see clicks.lua; the key is a
-- secret one.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  made = 0
  head = string.format("%s-%d-", args[4], number)
  tail = string.format('"},"amount":1999,"currency":"EUR","promo_code":"%s"}', args[2])
  headers = {
    ["Content-Type"] = "application/json",
    ["Authorization"] = "Bearer " .. args[1],
  }
end

function request()
  made = made + 1
  local id = head .. made
  return wrk.format("POST", "/v1/track/sale", headers,
    '{"external_id":"' .. id .. '","customer":{"external_id":"c-' .. id .. tail)
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"max_us":%d,"not_2xx":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
