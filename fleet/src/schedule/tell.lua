-- Arguments: the most words, a word. Gives whether there was room.
if call('LLEN', WORDS) >= tonumber(ARGV[2]) then
  return 0
end
call('RPUSH', WORDS, ARGV[3])
return 1
