"""Ordinary words of Indonesian reports, messages and calls that are nobody's name, in lower case, written for this
module: what people do, wear, carry, eat and suffer, and what they work as."""

from __future__ import annotations

_WORDS = """
abai abses acara aduan agen ahli ajak ajakan akibat akibatnya akses akta akte aktif aktivitas alamat alamatnya alasan
alibi alih almari alur amplop ampun amunisi anarkis ancaman andalan angkut angkutan angsur aniaya antre antrean anyar
apartemen apel apotek apoteker arang arsip artinya asap asli aspal asuhan asuransi atm atribut aturan awak ayunan
badai bagi bahan bahaya bajak bakar bakso balai balap balapan balik bandar banding bangkai bangku bantah bantuan barak
barisan basah batal batang batas batu bawaan bayar bayaran beban bebas beda begal bekas bekerjasama belakang belanja
belasan beli belok bencana benda bendahara bengkak benturan berangsur berantakan berawal berbahaya berbelok berbicara
berbincang berboncengan bercak berceceran berdagang berdalih berdatangan berdiri berduaan berebut bergegas bergerak
bergiliran berhamburan berhati-hati berhenti berhubungan berjaga berjalan berjanji berjualan berkali-kali berkas
berkelahi berkeliaran berkenalan berkumpul berlangsung berlubang bermain bermasker bermuatan bersandar bersembunyi
bersenjata bersih bertamu bertanding bertanggung bertanya bertengkar bertransaksi berusaha berwarna besar betul biaya
bicara bidan bidang bilang bingung biro bius blokir blong bobol bodong bohong bolos bom bonceng bongkar bongkaran
bordir borgol botol brankas brosur buah bubar bujuk bujukan bukti bungkus bunyi buruh burung busur buta butir butuh
cabang cacat cair campuran cangkul canting capek catatan cedera cegat cek celaka cemburu cepat cerita ceroboh cetak
cicil cidera cincin cocok colong congkel copet copot cuaca cuci curah curanmor curas curat curi dagangan dagelan
daging dahulu dakwaan dalih damai damkar dangkal daring daripada dasar debitur dekap delik demo denah dendam dengar
dengung depresi deras derita dermaga desak detik dewasa diadili diajak diancam diantar diarahkan diarak dibacakan
dibakar dibantu dibekuk diberhentikan diberi dibiarkan dibius diblokir dibonceng dibongkar dibuang dibujuk dibungkus
dibuntuti dicari dicat dicegat dicek dicopet didampingi didorong diejek difoto digadaikan digelandang digeledah
digerakkan digerebek digeser dihadang dihajar dihentikan diinjak diintai diintimidasi dijanjikan dijemput dijual
dikejar dikelabui dikeluarkan dikembalikan dikenai dikenalkan dikepung diketahui dikirimi dilarang dilarikan dilempari
dilepas dilerai diludahi dimasukkan dimediasi dimintai dimutasi dinding dinyatakan dioperasi dipaksa dipanggil
dipasang dipecat dipegang dipepet diperas diperbaiki diperiksa diperlihatkan dipesan dipicu dipinjam dipinjami dipinta
diputus dirampok dirawat direkam diringkus dirujuk disabet disangka disangkal disekap diselamatkan diselidiki diserang
diserempet diseret disidang disiksa disiram disorot disuruh disusul ditagih ditahan ditampar ditangani ditanya
ditanyai ditarik ditegur ditelepon ditembak ditendang ditimpa ditinju ditipu ditolak ditolong ditonjok ditunjuk
ditutup diusir divonis dobrak dokumen domisili dorong dosa dosis duel duga dukun dulu dupa ejekan ekspedisi elektronik
ember emosi emosional encer enggan fasilitas fatal fisik formulir fotokopi fotonya frustrasi gadai gadaian gaduh gagal
gagang galian gambarnya ganggu gangguan ganja ganti gantung gardu garis gas gawai gayung gelandangan gelap gelas
geledah gelombang gembok gendong genggam gentong geprek gerai gerak gerbang gerebek gergaji gerobak gesekan giling
ginjal gitar goda godaan gorengan gores got gugatan gugup gulung gumpalan gunting gusar hadang hadiah hak halaman
halte hambatan hancur hangus hantam hanyut harap harapan hardisk harga hati heboh hendaknya hewan hibah hiburan hidup
hilangnya himbauan hina hiruk hisap hubungan hujan hukuman hunian hutang ibadah identitas identitasnya ijazah ijin
ikan ikatan iklan ilegal imbalan imigrasi iming-iming impor indekos indikasi ingin ingkar injak insaf insiden
instalasi intai interogasi inventaris isak isap istirahat itikad izin jaga jagal jagung jahat jahitan jajan jaksa
jalanan jalur jambret jaminan jamu janji jarak jarang jaring jarum jasa jasad jatuh jatuhnya jawaban jebakan jejak
jemput jemuran jenazah jepit jeratan jeriken jerit jual jualan jumlahnya juru kabar kabin kacamata kacau kadang kafe
kaget kain kakinya kaleng kalung kambing kampung kamuflase kanal kandang kandung kandungan kantongnya kapak karcis
kardus karung kasar kasat kasihan kasur kavling kawasan keadaannya kebetulan kebiasaan kebingungan keboncengan kebut
kecewa keciduk kecil kecopetan kedapatan kedatangan kedinginan kedok kegiatan keguguran kehabisan kehadiran
keikutsertaan kejahatan kejam kejar kekasih kekayaan kekerasan kekesalan kelahi kelainan kelalaian kelambu kelapa
kelas keliling kelompok keluhan keluyuran kemaluan kemarin kemasan kematian kembalian kemungkinan kenalan kencang
kendali kendaraannya kepalan kepercayaan kepergian keperluan keponakan kepung kerabat kerang keras kericuhan keringat
kerja kernet kerusakan kerusuhan kesadaran kesakitan kesaksian kesalahan kesempatan kesepakatan kesulitan ketakutan
ketangkap ketentuan keterlibatan ketertiban kewalahan khawatir khianat khilaf kiriman kisruh klaim klarifikasi klien
klinik klip kol kolong koma komplotan kompor komunikasi konfirmasi konflik kontan konten konter koper kopi korek
korsleting kosong kota koyak kran kredit kriminal kritis kronologi kronologis kuburan kucing kuda kuitansi kuku kulit
kulkas kumpul kunjungan kura-kura kurang kurap kursi kurungan laci ladang lagu lahan lalai lambat lampiran lancar
langganan langkah lapak lapar lapor laporannya larangan laris lasan latihan lauk laundry laut layanan layangan lebat
ledakan lega legal lelah lelaki lelang lele lemah lembaga lembur lempar lengah lengket lensa lepas lerai letusan liar
licin lidah lilin limbah lintas lipat listrik lobi lokal loker lolos loncat longgar losmen luar luasnya lubangnya
ludes lugas lulusan lumpuh lumpur lunas lupa lusuh lutut macet mafia magrib mahkota makam makelar makian maksud
malapetaka malas maling mampir mandi mangsa manipulasi mantel marah marka masa masalah masker massa matang mati mayat
mebel mediasi medis mekanik melaju melamar melambat melanggar melapor melarang melawan melekat melempari melerai
melihat melintas melompat meludah memalak memalsukan memancing memanggil memanjat memar memarkir memarkirkan memasak
memasang memastikan membacok membantah membantu membayar membekuk membela membenarkan membentak memberitahu
membersihkan membiarkan membius memblokir membohongi membonceng memboncengi membongkar membuang membujuk membungkus
membuntuti memegang memekik memergoki memesan memfitnah memicu memindahkan meminjam memotong memotret memperkosa
memperlihatkan mempersilakan mempertemukan memukuli memutus menabung menagih menahan menampar menanam menancap
menanggapi menangis menangkap menantang menanyakan menarik menawarkan mencabuli mencabut mencakar mencari mencegat
mencekik mencopet mencoret mendekap mendekati mendesak mendobrak mendorong menebas menegur menembak menendang menepi
menerobos mengacungkan mengadang mengadu mengaduh mengajak mengantar mengantuk mengelabui mengelak mengeluarkan
mengembalikan mengemudi mengenai mengenal mengenali mengeroyok mengetuk menggadaikan menggedor menggelapkan
menggeledah menggendong menggeser menggigit menghadang menghajar menghantam menghilang menghindar menghubunginya
mengigau menginap mengintai mengintip mengirimkan mengobrol mengonsumsi mengumpulkan mengusir menipu menitipkan
menjaga menjambak menjanjikan menjemput menjerit menodong menolak menolong menonjok menonton menumpang menunggu
menunjukkan menutup menyabet menyadari menyamar menyangka menyangkal menyapa menyebar menyebarkan menyebut menyekap
menyelinap menyelipkan menyelundupkan menyerang menyeret menyetir menyetubuhi menyewa menyimpang menyiram menyita
menyuruh menyusul meraba meraih merakit merampok merangkul merawat merayu merekam meremas meresahkan merintih merobek
merokok meronta merugikan mesra metode mie mikrolet milisi mimisan minyak miring misteri mogok molotov montir muatan
muatannya muda mudah mudik mulut mundur muntah murah musala musibah mutasi nafas naik nakal nakhoda napi nasabah
nasehat nasi nekat ngaku ngamuk ngebut ngobrol ngontrak niat nilai nisan nominal nongkrong notaris nyala nyaris nyata
nyawa obat-obatan obeng objek obrolan obyek odol olah oleng oli ombak omelan omong ongkos operasi orasi order orderan
ormas otak otot padam pakaian pakar paksa paksaan paku palang palsu pamer pamit panas panci pandangan panggung panik
panitia panjang pantauan papan parah parit pasangan pasien pasrah pasukan patroli payung pecah pecahan pecandu
pedagang pedal pegawai pejalan pekan pekarangan pekerja pelajaran pelampung pelan pelanggan pelanggaran pelarian pelat
pelayan pelecehan pelek pelemparan peluang peluk peluru pemabuk pemadam pemakaman pemalakan pemalsuan pemanggilan
pembacok pembalap pembantu pembawa pembayaran pembegal pembela pembeli pemberhentian pembina pembobolan pembohong
pembuatan pembuluh pembunuh pemeras pemesanan pemilik pemilu pemimpin pemindahan pemohon pemotor pemukul pemulung
pemutusan penadah penadahan penagih penagihan penahan penanganan penangguhan penata pencabul pencari pencatatan
pencemaran pencopet pencopetan pencuri pendamping pendek penderita pendudukan penegak penelepon penelpon penembakan
penemu penerbangan penerima pengacara pengadu pengajian pengakuan pengangkut pengantar pengasuh pengawal pengawas
pengecekan pengedar pengemis pengendali pengganti penggelap penggerebekan penghasilan penghuni pengiriman pengobatan
pengrusakan penguasaan pengungsi penikaman penipu penis penitipan penjaga penjahat penjahit penjara penjudi penonton
pensiun penyalahgunaan penyebab penyekapan penyelam penyelamatan penyelesaian penyelidik penyelundupan penyerahan
penyerangan penyewa penyitaan perahunya peralatan perampok peran perangkat perantara perawat perawatan perbuatan
percakapan percaya perceraian percobaan perdagangan perdata perempatan pergaulan perhatian periksa peringatan perintah
peristiwa periuk perjalanan perjanjian perkampungan perkelahian perkiraan perkosa perlawanan perlengkapan permasalahan
permintaan permohonan permukiman pernikahan pernyataan persalinan persawahan perselingkuhan perselisihan persembunyian
persidangan pertanyaan pertemuan pertokoan pesanan pesawat pesta petak petasan petir petunjuk piatu pijat pikiran
pikun pinggang pinggir pinggul pinjam pintunya piring pisah plang plastik plester pohon pokok polos pondok popok porsi
posisi posko postingan potong potongan praktik preman premium presensi proses prostitusi puing pulau pulsa pungli
puntung pura-pura puskesmas putus qris rabun racun radio ragu rakyat ramah ramai rambut rampas rampok rampokan rantai
ranting rapat rasa rata rawan rawat razia rebutan rehabilitasi rekam rekannya remang reruntuhan resah resepsionis
residivis retak ribut ricuh ringan ringsek rintihan risih ronda rongsokan rotan ruam rujuk rujukan rumput rusak rusuh
rute sabit sadar sahur sakit saksinya salah salinan salon samar sambungan samping samurai sandal sandera sanksi santai
sapu sarung sasaran satpam satwa sayap sayatan sayur sebelah sebentar seberang sederhana segel segera sehari-hari
sehat sejak sejawat sekap sekarang sekujur selang selesai selingkuh selisih selokan sembako sembarang sembuh sementara
semir senapan sendal sendiri sengaja sengketa senjata senter seolah sepakat separuh sepi seragam serah serahkan
serangan seret sering serius serpihan sertifikat servis sesak sesal setengah setir setoran sewaan siaga sial sidang
sikap siksa simcard sindikat singgah sipil siram sirene sita situasi sobek sodoran sopan sorot stiker stres suap suara
suasana subsidi sulit suntik supaya surut susah susu susulan swalayan tabrak tabrakan tabung tagih tajam takar taktik
takut talang tali tampar tamu tanam tanda tandan tangga tangis tanya tarif taruhan tatapan tato tawar tawuran tebas
tebing teduh tegang teguran tekanan telanjang telantar telapak teledor telinga teluk tembak tembakan tembok tempel
temuan tenaga tenda tendang tenggelam tengkuk tepi terapung terbakar terbalik terbang terbangun terbukti terburu-buru
tercatat tercecer terduga tergeletak tergelincir tergores terguling terhenti teriak teriakan terima terjebak terjepit
terjerat terjun terkapar terkejut terkunci terlambat terlantar terlempar terlentang terlibat terlihat terluka terminal
terpal terpeleset terperosok terpisah terpukul tersangkut tersengat terseret tersesat tersimpan tersinggung tersisa
tertabrak tertangkap tertidur tertimbun tertimpa tertinggal tertipu tertukar tertusuk tertutup terungkap tes tetap
tewasnya tiang tidur tikar tilang timbangan timbul timpa tindak tindakan tinju tipis tipuan titipan tokoh tolong
tombak tong tongkat topeng topi toples tragis transaksi transferan trauma travel trik tubuhnya tuduh tuduhan tugu
tukang tulang tulisan tumpah tumpangan tunai tunggakan tunggu tuntutan turis tusuk tusukan tutup ucapan ujung ukuran
ulah ulang umpan umpatan undangan unggah unjuk upacara urine urusan usai usir ustaz usus utang utara vila viral visa
visum vonis wabah wadah wajan walau wali warisan warna warnet wartawan wasit wayang wilayah yatim zona
"""
ORDINARY = frozenset(_WORDS.split())
