"""Small sketches put together by a grammar, as one meets them in p5.js: setup and draw, particles, grids, noise, the mouse.

The library that sketches are written for has a licence that keeps its own source out of the corpus; the names of its functions are free to
use, and what a sketch does with them is invented here. A rule is a choice of texts, parted by ¦. `@name` stands for one of that rule's, drawn
anew each time; `@name:label` for one that stays the same throughout a sketch. What comes out is laid out by clean.mjs like every other text.
"""

import random
import re

REFERENCE = re.compile(r"@([a-zA-Z]+)(?::(\w+))?")

RULES = {
    "size": "200¦300¦400¦400¦400¦500¦512¦600¦600¦640¦720¦800¦windowWidth",
    "canvas": "createCanvas(@size:w, @size:h);¦createCanvas(400, 400);¦createCanvas(windowWidth, windowHeight);¦createCanvas(600, 600);",
    "small": "1¦2¦3¦4¦5¦6¦8¦10",
    "middle": "10¦12¦15¦20¦24¦25¦30¦32¦40¦50",
    "large": "60¦80¦100¦120¦150¦200¦300",
    "speed": "0.005¦0.01¦0.01¦0.02¦0.02¦0.03¦0.05¦0.1",
    "grey": "0¦0¦10¦20¦30¦40¦51¦100¦127¦200¦220¦240¦250¦255¦255",
    "channel": "0¦20¦40¦60¦80¦100¦120¦150¦180¦200¦220¦240¦255",
    "alpha": "5¦10¦20¦30¦40¦50¦80¦100¦150¦200",
    "colour": "@grey¦@grey¦@grey, @alpha¦@channel, @channel, @channel¦@channel, @channel, @channel, @alpha¦'@named'¦'#@hex@hex@hex'",
    "hex": "00¦11¦22¦33¦44¦55¦66¦88¦99¦aa¦bb¦cc¦dd¦ee¦ff¦f0¦0f¦3c¦7a¦c4",
    "named": "red¦tomato¦gold¦orange¦teal¦skyblue¦steelblue¦white¦black¦purple¦hotpink¦coral¦navy¦crimson",
    "background": "background(@grey);¦background(@grey);¦background(@channel, @channel, @channel);¦background(@grey, @alpha);¦background('#@hex@hex@hex');¦clear();",
    "paint": "fill(@colour);¦fill(@colour);\nnoStroke();¦noFill();\nstroke(@colour);¦stroke(@colour);\nstrokeWeight(@small);¦stroke(@colour);\nnoFill();\nstrokeWeight(@small);¦noStroke();\nfill(@colour);¦",
    "thing": "particles¦dots¦stars¦boids¦points¦balls¦circles¦agents¦drops¦flakes¦bubbles",
    "one": "p¦particle¦dot¦star¦ball¦item¦b",
    "Class": "Particle¦Dot¦Star¦Ball¦Agent¦Walker¦Mover¦Bubble¦Drop¦Boid¦Flake",
    "count": "10¦20¦30¦50¦80¦100¦100¦150¦200¦300¦500¦1000",
    "show": "show¦display¦draw¦render",
    "update": "update¦move¦step",
    "time": "t¦time¦phase¦frameCount * @speed¦millis() / 1000¦frameCount / @middle",
    "clock": "t¦time¦offset¦angle¦phase",
    "wave": "sin¦cos¦sin",
    "index": "i",
    "where": "width / 2, height / 2¦mouseX, mouseY¦random(width), random(height)¦x, y¦width / @small, height / 2",
    "shape": "ellipse(@at, @d, @d);¦circle(@at, @d);¦circle(@at, @d);¦rect(@at, @d, @d);¦square(@at, @d);¦point(@at);¦line(@at, width / 2, height / 2);¦triangle(@at, @at, @at);¦arc(@at, @d, @d, 0, @angle);¦line(@at, @at);",
    "at": "x, y¦x, y¦x, y¦width / 2, height / 2¦mouseX, mouseY¦x + @middle, y",
    "atc": "mouseX, mouseY¦width / 2, height / 2¦random(width), random(height)¦@large, @large",
    "shapec": "ellipse(@atc, @dc, @dc);¦circle(@atc, @dc);¦rect(@atc, @dc, @dc);¦square(@atc, @dc);¦line(mouseX, mouseY, pmouseX, pmouseY);¦line(width / 2, height / 2, mouseX, mouseY);¦triangle(@large, @large, @middle, @large, @large, @middle);¦arc(@atc, @dc, @dc, 0, @angle);¦point(@atc);",
    "dc": "@middle¦@middle¦@large¦random(@middle, @large)¦@large + sin(frameCount * @speed) * @middle¦map(mouseX, 0, width, @small, @large)",
    "d": "@middle¦size¦d¦r * 2¦@small¦random(@small, @middle)¦map(mouseX, 0, width, @small, @large)¦@middle * noise(x * @speed, y * @speed)",
    "angle": "PI¦TWO_PI¦HALF_PI¦QUARTER_PI¦radians(@middle)¦a",
    "easing": "lerp(x, mouseX, @speed)¦x + (mouseX - x) * @speed¦constrain(x, 0, width)",
    "setting": "noStroke();¦colorMode(HSB, 360, 100, 100);¦colorMode(HSB);¦angleMode(DEGREES);¦rectMode(CENTER);¦frameRate(30);¦pixelDensity(1);¦noiseSeed(@count);¦randomSeed(@count);¦textAlign(CENTER, CENTER);¦strokeWeight(@small);¦noCursor();¦smooth();¦¦¦¦¦",
    "remark": "// start with a dark background\n¦// draw each one in turn\n¦// move a little every frame\n¦// back to the other side\n¦// the closer the brighter\n¦// one step further in time\n¦¦¦¦¦¦¦¦¦¦¦",
    "more": "@pressed¦@keys¦@resized¦¦¦",
    "pressed": "function mousePressed() {\n@click\n}¦function mouseDragged() {\n@click\n}¦function mouseClicked() {\n@click\n}",
    "click": "background(@grey);¦noLoop();¦redraw();¦saveCanvas('sketch', 'png');¦fill(random(255), random(255), random(255));\ncircle(mouseX, mouseY, @middle);¦noiseSeed(millis());¦if (isLooping()) { noLoop(); } else { loop(); }",
    "keys": "function keyPressed() {\nif (key === 's') {\nsaveCanvas('@thing', 'png');\n}\n}¦function keyPressed() {\nif (keyCode === @arrow) {\n@clock:c += @speed;\n} else if (keyCode === @arrow) {\n@clock:c -= @speed;\n}\n}¦function keyTyped() {\nif (key === ' ') { @click }\n}¦function keyPressed() {\nif (key === 'c') {\nbackground(@grey);\n} else if (key === 's') {\nsave('@thing.png');\n}\n}",
    "arrow": "LEFT_ARROW¦RIGHT_ARROW¦UP_ARROW¦DOWN_ARROW",
    "resized": "function windowResized() {\nresizeCanvas(windowWidth, windowHeight);\n}",
    "setup": "function setup() {\n@canvas\n@setting\n@setting\n}",
    "setupdark": "function setup() {\n@canvas\nbackground(@grey);\n@setting\n}",
    # kinds of sketches
    "sketch": "@still¦@follow¦@wavy¦@swarm¦@swarm¦@grid¦@grid¦@field¦@walk¦@bounce¦@tree¦@spiral¦@polygon¦@space¦@life¦@pixels¦@canvasApi¦@palette¦@vectors¦@picture¦@slider¦@words¦@rings¦@instance¦@bridge¦@physics¦@loop¦@dom",
    "still": "@setupdark\n\nfunction draw() {\n@paint\n@shapec\n@paint\n@shapec\nnoLoop();\n}\n@more¦@setup\n\nfunction draw() {\n@background\n@paint\n@shapec\n@paint\n@shapec\n@shapec\n}\n@more",
    "follow": "let x = 0;\nlet y = 0;\n@maybesize\n@setup\n\nfunction draw() {\n@background\n@remark x = lerp(x, mouseX, @speed:e);\ny = lerp(y, mouseY, @speed:e);\n@paint\ncircle(x, y, size);\n@pressedif\n}\n@more",
    "maybesize": "let size = @middle;\n¦const size = @middle;\n¦let size = @large;\n",
    "pressedif": "if (mouseIsPressed) {\nfill(@colour);\n} else {\nfill(@colour);\n}\n@shapec¦if (mouseIsPressed) {\n@shapec\n}¦if (keyIsPressed) {\n@background\n}¦¦",
    "wavy": "let @clock:c = 0;\n\n@setup\n\nfunction draw() {\n@background\n@paint\nfor (let x = 0; x < width; x += @small:s) {\nconst y = height / 2 + @wave(x * @speed + @clock:c) * @large;\n@wavemark\n}\n@clock:c += @speed;\n}\n@more¦let @clock:c = 0;\n\n@setup\n\nfunction draw() {\n@background\n@paint\nbeginShape();\nfor (let x = 0; x <= width; x += @middle) {\nlet y = map(noise(x * @speed, @clock:c), 0, 1, 0, height);\n@vertex\n}\nendShape();\n@clock:c += @speed;\n}",
    "wavemark": "circle(x, y, @middle);¦point(x, y);¦line(x, height, x, y);¦rect(x, y, @small, height - y);¦ellipse(x, y, @small, @middle);¦line(x, y, x, height / 2);",
    "vertex": "vertex(x, y);¦curveVertex(x, y);",
    "swarm": "let @thing:t = [];\n\n@swarmsetup\n\nfunction draw() {\n@background\nfor (@each) {\n@one:o.@update:u();\n@one:o.@show:s();\n}\n}\n\n@swarmclass\n@more¦const @thing:t = [];\nconst count = @count;\n\nfunction setup() {\n@canvas\nfor (let i = 0; i < count; i++) {\n@thing:t.push(new @Class:C(random(width), random(height)));\n}\n}\n\nfunction draw() {\n@background\n@thing:t.forEach((@one:o) => {\n@one:o.@update:u();\n@one:o.@show:s();\n});\n}\n\n@swarmclass\n@more",
    "each": "const @one:o of @thing:t¦let @one:o of @thing:t",
    "swarmsetup": "function setup() {\n@canvas\nfor (let i = 0; i < @count; i++) {\n@thing:t.push(new @Class:C(random(width), random(height)));\n}\n}¦function setup() {\n@canvas\n@setting\nfor (let i = 0; i < @count; i++) {\n@thing:t[i] = new @Class:C(random(width), random(height));\n}\n}",
    "swarmclass": "class @Class:C {\nconstructor(x, y) {\nthis.x = x;\nthis.y = y;\nthis.vx = random(-@small:v, @small:v);\nthis.vy = random(-@small:v, @small:v);\nthis.size = random(@small, @middle);\n}\n\n@update:u() {\nthis.x += this.vx;\nthis.y += this.vy;\n@edges\n}\n\n@show:s() {\n@paint\ncircle(this.x, this.y, this.size);\n}\n}¦class @Class:C {\nconstructor(x, y) {\nthis.position = createVector(x, y);\nthis.velocity = p5.Vector.random2D();\nthis.acceleration = createVector(0, @speed);\nthis.life = 255;\n}\n\n@update:u() {\nthis.velocity.add(this.acceleration);\nthis.velocity.limit(@small);\nthis.position.add(this.velocity);\nthis.life -= @small;\n}\n\nisDead() {\nreturn this.life < 0;\n}\n\n@show:s() {\nnoStroke();\nfill(@grey, this.life);\nellipse(this.position.x, this.position.y, @middle, @middle);\n}\n}¦class @Class:C {\nconstructor(x, y) {\nthis.x = x;\nthis.y = y;\nthis.angle = random(TWO_PI);\nthis.speed = random(0.5, @small);\n}\n\n@update:u() {\nthis.angle += random(-@speed, @speed);\nthis.x += cos(this.angle) * this.speed;\nthis.y += sin(this.angle) * this.speed;\n@edges\n}\n\n@show:s() {\n@paint\npush();\ntranslate(this.x, this.y);\nrotate(this.angle);\ntriangle(@middle:a, 0, -@small:k, @small:k, -@small:k, -@small:k);\npop();\n}\n}",
    "edges": "if (this.x < 0 || this.x > width) {\nthis.vx *= -1;\n}\nif (this.y < 0 || this.y > height) {\nthis.vy *= -1;\n}¦@remark if (this.x > width) this.x = 0;\nif (this.x < 0) this.x = width;\nif (this.y > height) this.y = 0;\nif (this.y < 0) this.y = height;¦this.x = (this.x + width) % width;\nthis.y = (this.y + height) % height;",
    "grid": "const cols = @small:k;\nconst rows = @small:k;\n\n@setup\n\nfunction draw() {\n@background\nconst w = width / cols;\nconst h = height / rows;\nfor (let i = 0; i < cols; i++) {\nfor (let j = 0; j < rows; j++) {\n@paint\n@cell\n}\n}\n@maybenoloop\n}\n@more¦let cell = @middle;\n\n@setup\n\nfunction draw() {\n@background\nfor (let x = 0; x < width; x += cell) {\nfor (let y = 0; y < height; y += cell) {\n@paint\n@celltwo\n}\n}\n@maybenoloop\n}\n@more¦const spacing = @middle;\n\n@setup\n\nfunction draw() {\n@background\nfor (let y = spacing / 2; y < height; y += spacing) {\nfor (let x = spacing / 2; x < width; x += spacing) {\nconst d = dist(mouseX, mouseY, x, y);\nconst size = map(d, 0, width, spacing, @small);\n@paint\ncircle(x, y, size);\n}\n}\n}\n@more",
    "cell": "rect(i * w, j * h, w, h);¦ellipse(i * w + w / 2, j * h + h / 2, w, h);¦push();\ntranslate(i * w + w / 2, j * h + h / 2);\nrotate(frameCount * @speed + i * j);\nrect(0, 0, w / 2, h / 2);\npop();¦const n = noise(i * @speed, j * @speed, frameCount * @speed);\nfill(n * 255);\nrect(i * w, j * h, w, h);",
    "celltwo": "if (random() < 0.5) {\nline(x, y, x + cell, y + cell);\n} else {\nline(x + cell, y, x, y + cell);\n}¦rect(x, y, cell, cell);¦circle(x + cell / 2, y + cell / 2, cell * noise(x * @speed, y * @speed));¦if ((x + y) % (cell * 2) === 0) {\nfill(@colour);\n} else {\nfill(@colour);\n}\nrect(x, y, cell, cell);¦arc(x, y, cell * 2, cell * 2, 0, HALF_PI);",
    "maybenoloop": "noLoop();¦¦",
    "field": "let zoff = 0;\nconst scale = @speed:n;\n\n@setupdark\n\nfunction draw() {\nbackground(@grey, @alpha);\nfor (let i = 0; i < @count; i++) {\nconst x = random(width);\nconst y = random(height);\nconst angle = noise(x * scale, y * scale, zoff) * TWO_PI * @small;\nstroke(@colour);\nline(x, y, x + cos(angle) * @middle, y + sin(angle) * @middle);\n}\nzoff += @speed;\n}\n@more",
    "walk": "let x;\nlet y;\n\nfunction setup() {\n@canvas\nbackground(@grey);\nx = width / 2;\ny = height / 2;\n}\n\nfunction draw() {\n@paint\npoint(x, y);\nx += random(-@small:k, @small:k);\ny += random(-@small:k, @small:k);\nx = constrain(x, 0, width);\ny = constrain(y, 0, height);\n}\n@more¦let walker;\n\nfunction setup() {\n@canvas\nbackground(@grey);\nwalker = new Walker();\n}\n\nfunction draw() {\nwalker.step();\nwalker.@show:s();\n}\n\nclass Walker {\nconstructor() {\nthis.x = width / 2;\nthis.y = height / 2;\n}\n\n@show:s() {\nstroke(@colour);\npoint(this.x, this.y);\n}\n\nstep() {\nconst choice = floor(random(4));\nif (choice === 0) {\nthis.x++;\n} else if (choice === 1) {\nthis.x--;\n} else if (choice === 2) {\nthis.y++;\n} else {\nthis.y--;\n}\n}\n}",
    "bounce": "let x = @large;\nlet y = @large;\nlet xspeed = @small;\nlet yspeed = @small;\nlet r = @middle;\n\n@setup\n\nfunction draw() {\n@background\n@paint\nellipse(x, y, r * 2, r * 2);\nx += xspeed;\ny += yspeed;\nif (x > width - r || x < r) {\nxspeed = -xspeed;\n}\nif (y > height - r || y < r) {\nyspeed = -yspeed;\n}\n}\n@more¦let ball;\nconst gravity = @speed;\n\nfunction setup() {\n@canvas\nball = { x: width / 2, y: @middle, vx: @small, vy: 0, r: @middle };\n}\n\nfunction draw() {\n@background\nball.vy += gravity;\nball.x += ball.vx;\nball.y += ball.vy;\nif (ball.y > height - ball.r) {\nball.y = height - ball.r;\nball.vy *= -0.9;\n}\n@paint\ncircle(ball.x, ball.y, ball.r * 2);\n}",
    "tree": "let angle;\n\n@setup\n\nfunction draw() {\n@background\nangle = map(mouseX, 0, width, 0, @angle);\nstroke(@colour);\ntranslate(width / 2, height);\nbranch(@large);\n}\n\nfunction branch(len) {\nline(0, 0, 0, -len);\ntranslate(0, -len);\nif (len > @small) {\npush();\nrotate(angle);\nbranch(len * @shrink:s);\npop();\npush();\nrotate(-angle);\nbranch(len * @shrink:s);\npop();\n}\n}¦@setup\n\nfunction draw() {\n@background\ndrawCircle(width / 2, height / 2, @large);\nnoLoop();\n}\n\nfunction drawCircle(x, y, d) {\n@paint\ncircle(x, y, d);\nif (d > @small) {\ndrawCircle(x + d / 2, y, d / 2);\ndrawCircle(x - d / 2, y, d / 2);\n}\n}",
    "shrink": "0.6¦0.65¦0.67¦0.7¦0.75¦0.8",
    "spiral": "let a = 0;\n\n@setupdark\n\nfunction draw() {\ntranslate(width / 2, height / 2);\nconst r = a * @small;\nconst x = r * cos(a);\nconst y = r * sin(a);\n@paint\ncircle(x, y, @small);\na += @speed;\n}\n@more¦let n = 0;\nconst c = @small;\n\n@setupdark\n\nfunction draw() {\nconst a = n * 137.5;\nconst r = c * sqrt(n);\nconst x = r * cos(radians(a)) + width / 2;\nconst y = r * sin(radians(a)) + height / 2;\nfill(n % 256, @channel, @channel);\nnoStroke();\nellipse(x, y, @small, @small);\nn++;\n}",
    "polygon": "@setup\n\nfunction draw() {\n@background\ntranslate(width / 2, height / 2);\nrotate(frameCount * @speed);\n@paint\npolygon(0, 0, @large, @sides);\n@maybepolygon\n}\n\nfunction polygon(x, y, radius, npoints) {\nconst angle = TWO_PI / npoints;\nbeginShape();\nfor (let a = 0; a < TWO_PI; a += angle) {\nconst sx = x + cos(a) * radius;\nconst sy = y + sin(a) * radius;\nvertex(sx, sy);\n}\nendShape(CLOSE);\n}\n@more",
    "sides": "3¦4¦5¦6¦7¦8¦12",
    "maybepolygon": "polygon(0, 0, @middle, @sides);¦",
    "space": "@spaceSetup\n\nfunction draw() {\n@background\n@lights\nrotateX(frameCount * @speed);\nrotateY(frameCount * @speed);\n@material\n@solid\n}\n@more¦@spaceSetup\n\nfunction draw() {\n@background\norbitControl();\n@lights\nfor (let i = 0; i < @middle; i++) {\npush();\ntranslate(sin(i + frameCount * @speed) * @large, cos(i) * @large, i * @small);\n@material\n@solid\npop();\n}\n}",
    "spaceSetup": "function setup() {\ncreateCanvas(@size, @size, WEBGL);\n@setting\n}",
    "lights": "ambientLight(@grey);\ndirectionalLight(255, 255, 255, 0, 0, -1);¦lights();¦pointLight(255, 255, 255, mouseX - width / 2, mouseY - height / 2, @large);¦",
    "material": "normalMaterial();¦ambientMaterial(@channel, @channel, @channel);¦specularMaterial(@grey);¦fill(@colour);¦noFill();\nstroke(@colour);",
    "solid": "box(@middle);¦sphere(@middle);¦torus(@large, @middle);¦cone(@middle, @large);¦cylinder(@middle, @large);¦plane(@large, @large);¦box(@middle, @large, @middle);",
    "life": "let grid;\nlet cols;\nlet rows;\nconst resolution = @middle;\n\nfunction setup() {\n@canvas\ncols = floor(width / resolution);\nrows = floor(height / resolution);\ngrid = make2DArray(cols, rows);\nfor (let i = 0; i < cols; i++) {\nfor (let j = 0; j < rows; j++) {\ngrid[i][j] = floor(random(2));\n}\n}\n}\n\nfunction make2DArray(cols, rows) {\nconst arr = new Array(cols);\nfor (let i = 0; i < arr.length; i++) {\narr[i] = new Array(rows).fill(0);\n}\nreturn arr;\n}\n\nfunction draw() {\n@background\nconst next = make2DArray(cols, rows);\nfor (let i = 0; i < cols; i++) {\nfor (let j = 0; j < rows; j++) {\nconst state = grid[i][j];\nif (state === 1) {\n@paint\nrect(i * resolution, j * resolution, resolution, resolution);\n}\nconst neighbors = countNeighbors(grid, i, j);\nif (state === 0 && neighbors === 3) {\nnext[i][j] = 1;\n} else if (state === 1 && (neighbors < 2 || neighbors > 3)) {\nnext[i][j] = 0;\n} else {\nnext[i][j] = state;\n}\n}\n}\ngrid = next;\n}\n\nfunction countNeighbors(grid, x, y) {\nlet sum = 0;\nfor (let i = -1; i < 2; i++) {\nfor (let j = -1; j < 2; j++) {\nsum += grid[(x + i + cols) % cols][(y + j + rows) % rows];\n}\n}\nreturn sum - grid[x][y];\n}",
    "pixels": "function setup() {\n@canvas\npixelDensity(1);\n@maybenoloop\n}\n\nfunction draw() {\nloadPixels();\nfor (let y = 0; y < height; y++) {\nfor (let x = 0; x < width; x++) {\nconst index = (x + y * width) * 4;\nconst bright = @pixel;\npixels[index] = bright;\npixels[index + 1] = bright;\npixels[index + 2] = bright;\npixels[index + 3] = 255;\n}\n}\nupdatePixels();\n}",
    "pixel": "noise(x * @speed, y * @speed) * 255¦random(255)¦map(x, 0, width, 0, 255)¦map(dist(x, y, width / 2, height / 2), 0, width / 2, 255, 0)¦(x ^ y) % 256¦noise(x * @speed, y * @speed, frameCount * @speed) * 255",
    "canvasApi": "const canvas = document.@getcanvas;\nconst ctx = canvas.getContext('2d');\n\ncanvas.width = @canvassize;\ncanvas.height = @canvassize;\n\nlet @clock:c = 0;\n\nfunction @frame:f() {\nctx.fillStyle = '@named';\nctx.fillRect(0, 0, canvas.width, canvas.height);\nctx.@ctxstyle = '#@hex@hex@hex';\nfor (let i = 0; i < @count; i++) {\nconst x = canvas.width / 2 + Math.@wave(i + @clock:c) * @large;\nconst y = canvas.height / 2 + Math.@wave(i * @speed + @clock:c) * @large;\nctx.beginPath();\n@ctxshape\n}\n@clock:c += @speed;\nrequestAnimationFrame(@frame:f);\n}\n\n@ctxstart",
    "ctxstart": "@frame:f();¦requestAnimationFrame(@frame:f);¦window.addEventListener('load', @frame:f);",
    "getcanvas": "querySelector('canvas')¦getElementById('canvas')¦createElement('canvas')",
    "canvassize": "400¦600¦800¦window.innerWidth¦window.innerHeight",
    "frame": "draw¦loop¦animate¦render¦tick",
    "ctxstyle": "fillStyle¦strokeStyle",
    "ctxshape": "ctx.arc(x, y, @middle, 0, Math.PI * 2);\nctx.fill();¦ctx.arc(x, y, @small, 0, Math.PI * 2);\nctx.stroke();¦ctx.moveTo(x, y);\nctx.lineTo(canvas.width / 2, canvas.height / 2);\nctx.stroke();¦ctx.rect(x, y, @middle, @middle);\nctx.fill();",
    "palette": "const palette = ['#@hex@hex@hex', '#@hex@hex@hex', '#@hex@hex@hex', '#@hex@hex@hex'];\n\nfunction setup() {\n@canvas\nnoStroke();\nnoLoop();\n}\n\nfunction draw() {\nbackground(random(palette));\nfor (let i = 0; i < @count; i++) {\nfill(random(palette));\nconst size = random(@small, @large);\n@palshape\n}\n}\n@more¦const colors = ['@named', '@named', '@named'];\n\n@setup\n\nfunction draw() {\n@background\nfor (let i = 0; i < colors.length; i++) {\nfill(colors[i]);\nrect(i * (width / colors.length), 0, width / colors.length, height);\n}\n}",
    "palshape": "circle(random(width), random(height), size);¦square(random(width), random(height), size);¦ellipse(random(width), random(height), size, size / 2);¦rect(random(width), random(height), size, size * 2);",
    "vectors": "let pos;\nlet vel;\n\nfunction setup() {\n@canvas\npos = createVector(width / 2, height / 2);\nvel = p5.Vector.random2D();\nvel.mult(@small);\n}\n\nfunction draw() {\n@background\nconst mouse = createVector(mouseX, mouseY);\nconst acc = p5.Vector.sub(mouse, pos);\nacc.setMag(@speed);\nvel.add(acc);\nvel.limit(@small);\npos.add(vel);\n@paint\ncircle(pos.x, pos.y, @middle);\n}",
    "picture": "let img;\n\nfunction preload() {\nimg = loadImage('assets/@photo.jpg');\n}\n\n@setup\n\nfunction draw() {\n@background\nfor (let i = 0; i < @count; i++) {\nconst x = floor(random(img.width));\nconst y = floor(random(img.height));\nconst c = img.get(x, y);\nfill(c);\nnoStroke();\nellipse(x, y, @middle, @middle);\n}\n}¦let video;\n\nfunction setup() {\n@canvas\nvideo = createCapture(VIDEO);\nvideo.size(width, height);\nvideo.hide();\n}\n\nfunction draw() {\n@background\nimage(video, 0, 0, width, height);\n@filter\n}\n@more",
    "photo": "photo¦flower¦cat¦sky¦portrait¦texture",
    "filter": "filter(GRAY);¦filter(INVERT);¦filter(BLUR, @small);¦filter(THRESHOLD, 0.5);¦tint(@colour);¦",
    "slider": "let slider;\n\nfunction setup() {\n@canvas\nslider = createSlider(0, 255, @grey);\nslider.position(10, 10);\n}\n\nfunction draw() {\nconst value = slider.value();\nbackground(value);\n@paint\n@shapec\n}¦let button;\n\nfunction setup() {\n@canvas\nbutton = createButton('@verb');\nbutton.mousePressed(@verb:v);\n}\n\nfunction @verb:v() {\nbackground(random(255));\n@shapec\n}",
    "verb": "reset¦start¦change¦restart¦next¦again",
    "words": "let message = '@greeting';\n\nfunction setup() {\n@canvas\ntextSize(@middle);\ntextAlign(CENTER, CENTER);\n}\n\nfunction draw() {\n@background\nfill(@colour);\ntext(message, width / 2, height / 2);\n}\n@more¦let letters = [];\nconst message = '@greeting';\n\nfunction setup() {\n@canvas\ntextSize(@middle);\nfor (let i = 0; i < message.length; i++) {\nletters.push({ char: message[i], x: i * @middle, y: height / 2 });\n}\n}\n\nfunction draw() {\n@background\nfor (const letter of letters) {\nletter.y = height / 2 + sin(frameCount * @speed + letter.x) * @middle;\ntext(letter.char, letter.x, letter.y);\n}\n}",
    "greeting": "hello¦hello world¦type something¦good morning¦move the mouse¦click to start¦once upon a time",
    "rings": "@setup\n\nfunction draw() {\n@background\ntranslate(width / 2, height / 2);\nfor (let i = 0; i < @middle:n; i++) {\npush();\nrotate((TWO_PI / @middle:n) * i + frameCount * @speed);\n@paint\n@ring\npop();\n}\n}\n@more",
    "ring": "ellipse(@large, 0, @middle, @middle);¦line(@middle, 0, @large, 0);¦rect(@large, 0, @middle, @small);¦arc(0, 0, @large, @large, 0, QUARTER_PI);¦circle(@large + sin(frameCount * @speed) * @middle, 0, @small);",
    "instance": "const sketch = (p) => {\nlet @clock:c = 0;\n\np.setup = () => {\np.createCanvas(@canvassize, @canvassize);\n};\n\np.draw = () => {\np.background(@grey);\np.fill(@grey);\np.circle(p.width / 2 + p.@wave(@clock:c) * @large, p.height / 2, @middle);\n@clock:c += @speed;\n};\n};\n\nnew p5(sketch);",
    "bridge": "let z = [];\nlet img;\n\nfunction setup() {\n@canvas\nfor (let i = 0; i < @count; i++) {\nz.push(randomGaussian());\n}\n}\n\nfunction draw() {\nfor (let i = 0; i < z.length; i++) {\nz[i] = lerp(z[i], randomGaussian(), @speed);\n}\n@background\nif (img) {\nimage(img, 0, 0, width, height);\n}\n}¦async function @load:f(url) {\nconst response = await fetch(url);\nif (!response.ok) {\nthrow new Error(`could not load ${url}`);\n}\nreturn response.json();\n}\n\nlet data;\n\nasync function setup() {\n@canvas\ndata = await @load:f('@photo.json');\n}\n\nfunction draw() {\n@background\nif (!data) {\nreturn;\n}\nfor (const item of data) {\ncircle(item.x, item.y, item.size);\n}\n}",
    "load": "load¦getData¦fetchJson¦loadData",
    "physics": "const { Engine, Bodies, Composite } = Matter;\n\nlet engine;\nlet boxes = [];\n\nfunction setup() {\n@canvas\nengine = Engine.create();\nconst ground = Bodies.rectangle(width / 2, height, width, @middle, { isStatic: true });\nComposite.add(engine.world, ground);\n}\n\nfunction mousePressed() {\nconst box = Bodies.@body;\nboxes.push(box);\nComposite.add(engine.world, box);\n}\n\nfunction draw() {\n@background\nEngine.update(engine);\nfor (const box of boxes) {\npush();\ntranslate(box.position.x, box.position.y);\nrotate(box.angle);\nrectMode(CENTER);\n@paint\nrect(0, 0, @middle, @middle);\npop();\n}\n}",
    "body": "rectangle(mouseX, mouseY, @middle, @middle)¦circle(mouseX, mouseY, @middle)¦rectangle(mouseX, mouseY, @middle, @middle, { restitution: 0.8 })",
    "loop": "const frames = @count;\n\n@setup\n\nfunction draw() {\n@background\nconst t = (frameCount % frames) / frames;\nconst a = t * TWO_PI;\nconst x = width / 2 + cos(a) * @large;\nconst y = height / 2 + sin(a) * @large;\n@paint\ncircle(x, y, map(sin(a), -1, 1, @small, @large));\nif (t === 0) {\nconsole.log('loop');\n}\n}",
    "dom": "const synth = new Tone.Synth().toDestination();\nconst notes = ['@note', '@note', '@note', '@note'];\nlet step = 0;\n\n@setup\n\nfunction mousePressed() {\nTone.start();\nsynth.triggerAttackRelease(notes[step % notes.length], '8n');\nstep++;\n}\n\nfunction draw() {\n@background\n@paint\ncircle(width / 2, height / 2, step * @middle);\n}¦const scene = new THREE.Scene();\nconst camera = new THREE.PerspectiveCamera(@fov, window.innerWidth / window.innerHeight, 0.1, 1000);\nconst renderer = new THREE.WebGLRenderer({ antialias: true });\nrenderer.setSize(window.innerWidth, window.innerHeight);\ndocument.body.appendChild(renderer.domElement);\n\nconst geometry = new THREE.@geometry;\nconst material = new THREE.Mesh@mesh({ color: 0x@hex@hex@hex });\nconst mesh = new THREE.Mesh(geometry, material);\nscene.add(mesh);\ncamera.position.z = @small;\n\nfunction animate() {\nrequestAnimationFrame(animate);\nmesh.rotation.x += @speed;\nmesh.rotation.y += @speed;\nrenderer.render(scene, camera);\n}\n\nanimate();",
    "note": "C4¦D4¦E4¦F4¦G4¦A4¦B4¦C5¦D5¦E5¦G3¦A3",
    "fov": "45¦50¦60¦70¦75",
    "geometry": "BoxGeometry(1, 1, 1)¦SphereGeometry(1, 32, 32)¦TorusGeometry(1, 0.4, 16, 100)¦IcosahedronGeometry(1)¦PlaneGeometry(@small, @small)",
    "mesh": "BasicMaterial¦StandardMaterial¦NormalMaterial¦PhongMaterial",
}  # fmt: skip


def sketches(count, seed=0):
    """So many sketches; with the same seed the same ones."""
    rng = random.Random(seed)
    return [write("@sketch", rng, {}) for _ in range(count)]


def write(text, rng, kept):
    """The text with every reference replaced, and what replaces them too."""

    def one(match):
        rule, label = match.groups()
        if not label:
            return write(rng.choice(CHOICES[rule]), rng, kept)
        if (rule, label) not in kept:
            kept[rule, label] = write(rng.choice(CHOICES[rule]), rng, kept)
        return kept[rule, label]

    return REFERENCE.sub(one, text)


CHOICES = {name: lines.split("¦") for name, lines in RULES.items()}
