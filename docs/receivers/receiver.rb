# A webhook receiver for Ruby 2.7 and later, with nothing but its standard library.
#
#   ZORIO_WEBHOOK_SECRET=… ruby receiver.rb            plain HTTP on 127.0.0.1:8080, behind a TLS proxy
#   CERT_FILE=… KEY_FILE=… PORT=8443 ruby receiver.rb  HTTPS by itself

require "json"
require "openssl"
require "socket"

SECRET = ENV.fetch("ZORIO_WEBHOOK_SECRET", "")
MAX_AGE = 300 # seconds
MAX_BODY = 1024 * 1024 # bytes
REASONS = { 200 => "OK", 400 => "Bad Request", 401 => "Unauthorized", 413 => "Content Too Large" }.freeze

# In production keep these in a shared store with a day's expiry: SET zorio:delivery:<id> 1 NX EX 86400
SEEN = {}
LOCK = Mutex.new

# Returns the status and the text to answer with; the event is handled when it is new.
def receive(headers, body, now = Time.now.to_i)
  timestamp = Integer(headers["x-zorio-timestamp"].to_s, 10, exception: false)
  return [400, "Stale timestamp"] if timestamp.nil? || (now - timestamp).abs > MAX_AGE

  # Over the bytes as they arrived: parsing and printing JSON again would change them.
  expected = "sha256=#{OpenSSL::HMAC.hexdigest("SHA256", SECRET, body)}"
  given = headers["x-zorio-signature"].to_s
  unless given.bytesize == expected.bytesize && OpenSSL.fixed_length_secure_compare(given, expected)
    return [401, "Invalid signature"]
  end

  delivery = headers["x-zorio-delivery"]
  fresh = LOCK.synchronize { SEEN.key?(delivery) ? false : SEEN[delivery] = true }
  return [200, "Duplicate"] unless fresh

  handle(JSON.parse(body))
  [200, "OK"]
end

# What your application does with an event. Answer within 5 seconds: put slow work into a queue.
def handle(event)
  puts "#{event["timestamp"]} #{event["event"]} #{event["data"]["call_uuid"]}"
end

# Just enough of HTTP for one request; a framework does this for you.
def answer(socket)
  socket.gets or return
  headers = {}
  while (line = socket.gets&.strip) && !line.empty?
    name, value = line.split(":", 2)
    headers[name.downcase] = value.to_s.strip
  end
  length = headers["content-length"].to_i
  status, text = length > MAX_BODY ? [413, "Too large"] : receive(headers, socket.read(length).to_s)
  socket.write("HTTP/1.1 #{status} #{REASONS[status]}\r\nContent-Type: text/plain\r\n" \
               "Content-Length: #{text.bytesize}\r\nConnection: close\r\n\r\n#{text}")
ensure
  socket.close
end

abort "ZORIO_WEBHOOK_SECRET is not set" if SECRET.empty?
$stdout.sync = true
server = TCPServer.new("127.0.0.1", ENV.fetch("PORT", "8080").to_i)
port = server.addr[1]
if ENV["CERT_FILE"]
  context = OpenSSL::SSL::SSLContext.new
  context.add_certificate(OpenSSL::X509::Certificate.new(File.read(ENV["CERT_FILE"])),
                          OpenSSL::PKey.read(File.read(ENV["KEY_FILE"])))
  server = OpenSSL::SSL::SSLServer.new(server, context)
end
puts "listening on port #{port}"
loop do
  Thread.new(server.accept) { |socket| answer(socket) }
rescue OpenSSL::SSL::SSLError, SystemCallError => error
  warn error.message
end
